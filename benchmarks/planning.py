"""A script: plan the cron expressions in a file with one of the compared programs, and print the seconds that it took."""

import sys
import time
from datetime import UTC, datetime, timedelta
from itertools import takewhile
from pathlib import Path

NOW = datetime(2026, 6, 17, 12, 0, 30, tzinfo=UTC)


def scheduled(expressions: list[str], days: int) -> float:
    """Plan as a tick does. Return the seconds."""
    from scheduled.core.planner import plan

    jobs, job_states = _jobs(expressions, days)
    began = time.perf_counter()
    found = plan(jobs, job_states, int(NOW.timestamp()))
    took = time.perf_counter() - began
    assert len(found.starts) == len(expressions), f"{len(found.starts)} jobs are due"
    return took


def _jobs(expressions: list[str], days: int):
    from scheduled.core.jobs import Action, Job, key_of
    from scheduled.core.runs import JobState
    from scheduled.schedules.schedule import Schedule

    action = Action("command", words=("true",))
    schedules = [Schedule("cron", expression, "UTC") for expression in expressions]
    jobs = {
        f"j{n}": Job(name=f"j{n}", schedules=(found,), action=action) for n, found in enumerate(schedules)
    }
    before = int((NOW - timedelta(days=days)).timestamp())
    job_states = {
        key_of(job): JobState(job=name, position=before, epoch=before, schedules=job.schedules)
        for name, job in jobs.items()
    }
    return jobs, job_states


def croniter(expressions: list[str], days: int) -> float:  # noqa: ARG001 - it does not count missed slots
    """Compute one previous time of each expression. Return the seconds."""
    from croniter import croniter

    began = time.perf_counter()
    found = [croniter(expression, NOW).get_prev(datetime) for expression in expressions]
    took = time.perf_counter() - began
    assert all(found)
    return took


def apscheduler(expressions: list[str], days: int) -> float:  # noqa: ARG001 - as above
    """Compute one next time of each expression: its triggers cannot compute a previous one. Return the seconds."""
    from apscheduler.triggers.cron import CronTrigger

    began = time.perf_counter()
    found = [CronTrigger.from_crontab(e, UTC).get_next_fire_time(None, NOW) for e in expressions]
    took = time.perf_counter() - began
    assert all(found)
    return took


def check(expressions: list[str], days: int, every: int) -> int:
    """Count the slots of every *every*-th job with cronsim. Return whether a count differs."""
    from cronsim import CronSim

    from scheduled.core.planner import plan

    jobs, job_states = _jobs(expressions, days)
    counted = {
        start.claim.job: start.claim.slots for start in plan(jobs, job_states, int(NOW.timestamp())).starts
    }
    begin = NOW - timedelta(days=days)
    return any(
        counted[f"j{n}"] != sum(1 for _ in takewhile(lambda at: at <= NOW, CronSim(expressions[n], begin)))
        for n in range(0, len(expressions), every)
    )


if __name__ == "__main__":
    program, listed, days = sys.argv[1], Path(sys.argv[2]).read_text().splitlines(), int(sys.argv[3])
    if program == "check":
        sys.exit(check(listed, days, int(sys.argv[4])))
    print({"scheduled": scheduled, "croniter": croniter, "apscheduler": apscheduler}[program](listed, days))
