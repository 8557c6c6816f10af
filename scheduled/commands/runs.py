"""Ticks that people ask for: `run`, `daily-report`, `rerun`, what they did, and what they would do."""

from collections.abc import Callable, Sequence
from typing import Any

from scheduled.clock import stamp
from scheduled.config.files import known_jobs
from scheduled.core.bus import Subscriber
from scheduled.core.events import Event
from scheduled.core.manual import ManualRequest
from scheduled.engine import tick
from scheduled.engine.runtime import Runtime, open_runtime
from scheduled.engine.tick import Result
from scheduled.errors import BusyError, ConfigError
from scheduled.instance import Instance
from scheduled.state.open import read_only


def run(
    instance: Instance, jobs: Sequence[str] = (), slot: str | None = None, hear: Subscriber | None = None
) -> dict[str, Any]:
    """Make a tick; with *jobs*, run these now, and with *slot* the one job for that instant. Returns at its end.

    *hear* is called with every event as it happens. Raises ConfigError.
    """
    return _ticked(instance, lambda runtime: _run(runtime, jobs, slot), hear)


def _run(runtime: Runtime, names: Sequence[str], slot: str | None) -> Result:
    if slot is not None:
        return _run_for(runtime, names, slot)
    return tick.tick(runtime, manual=[ManualRequest(name) for name in known_jobs(runtime.config, names)])


def _run_for(runtime: Runtime, names: Sequence[str], slot: str) -> Result:
    """Run a job for the instant *slot*: its slot's own run if that is open, else one beside the schedule."""
    from scheduled.queries import plan
    from scheduled.schedules.instants import read

    name, instant = plan.the_one(names), read(slot, runtime.zone)
    plan.run_for_slot(runtime, name, instant)  # refuses what can't be run
    return tick.tick(runtime, manual=[ManualRequest(name, slot=instant)])


def daily_report(instance: Instance, *, due: bool = False, hear: Subscriber | None = None) -> dict[str, Any]:
    """Make the daily report now; with *due*, only if its slot is open and nobody holds it. Raises ConfigError."""
    return _ticked(instance, lambda runtime: _daily_report(runtime, due=due), hear)


def _daily_report(runtime: Runtime, *, due: bool) -> Result:
    if not due:
        return tick.tick(runtime, manual=[ManualRequest(_reporter(runtime))])
    return tick.tick(runtime, only=_with_the_report(runtime))


def plan_of_report(instance: Instance, *, due: bool = False) -> list[dict[str, Any]]:
    """Say whether `daily_report` with the same argument would make a report. Raises ConfigError."""
    from scheduled.queries import plan

    runtime = open_runtime(instance)
    if due:
        reporter = runtime.handlers().get("daily_report")
        return [entry for entry in plan.plan_of_tick(runtime) if reporter and entry["job"] == reporter.job]
    return plan.plan_of_run(runtime, [_reporter(runtime)], None)


def _reporter(runtime: Runtime) -> str:
    key = runtime.handlers().get("daily_report")
    if key is None:
        raise ConfigError(f'{runtime.config.path}: no job has handler = "daily_report"')
    return key.job


def _with_the_report(runtime: Runtime) -> list[str]:
    """Return the jobs that go with the report's slot; none where there is no report: the crontab asks all the same."""
    key = runtime.handlers().get("daily_report")
    if key is None:
        return []
    # What the report tells of comes first in its slot: whoever takes the report's slot takes the group's.
    group = runtime.config.jobs[key.job].group
    return [other for other, job in runtime.config.jobs.items() if group and job.group == group] or [key.job]


def rerun(instance: Instance, run_id: str, hear: Subscriber | None = None) -> dict[str, Any]:
    """Run a run again now: its next attempt, or, if it is over, a new run by hand for its instant.

    Raises ConfigError if there is no such run, BusyError if it is under way.
    """
    return _ticked(
        instance, lambda runtime: tick.tick(runtime, manual=[request_again(runtime, run_id)]), hear
    )


def plan_of_rerun(instance: Instance, run_id: str) -> list[dict[str, Any]]:
    """Say what running a run again would start; raises as `rerun` does."""
    from scheduled.queries.history import one_run

    job = request_again(open_runtime(instance), run_id).job
    again = one_run(instance, run_id)
    return [
        {
            "job": job,
            "target": again["target"],
            "scheduled_for": again["scheduled_for"],
            "why": f"{run_id} again",
        }
    ]


def request_again(runtime: Runtime, run_id: str) -> ManualRequest:
    """Return what running *run_id* again means; raises ConfigError if there is no such run, BusyError if it runs."""
    with read_only(runtime.paths) as ledger:
        row, waiting = ledger.run(run_id), ledger.open_run(run_id)
    if row is None:
        raise ConfigError(f"{run_id}: no such run; `scheduled history` lists them")
    if row.job not in runtime.config.jobs:
        raise ConfigError(f"{run_id}: its job, {row.job}, is configured no more")
    if waiting is not None and waiting.status != "waiting_retry":
        raise BusyError(f"{run_id}: is under way")
    if waiting is not None:
        return ManualRequest(row.job, run_id=run_id, target=row.target)
    slot = row.slot if row.slot is not None else row.asked_for
    return ManualRequest(row.job, slot=slot, target=row.target)


def _ticked(instance: Instance, work: Callable[[Runtime], Result], hear: Subscriber | None) -> dict[str, Any]:
    """Open a runtime, do *work* with it, and say what was done."""
    runtime = open_runtime(instance)
    if hear is not None:
        runtime.bus.subscribe(Event, hear)
    runtime.claimed = instance.claimed
    return _document(runtime, work(runtime))


def _document(runtime: Runtime, done: Result) -> dict[str, Any]:
    """Return what a tick did, for `run --json`."""
    return {
        "tick": done.tick,
        "started_at": stamp(done.started_at, runtime.zone),
        "exit_code": done.exit_code,
        "runs": [
            {**event.payload, "event": event.name}
            for event in done.events
            if event.name.startswith("job_") and event.name != "job_started"
        ],
        "busy": done.busy,
        "troubles": done.troubles,
    }
