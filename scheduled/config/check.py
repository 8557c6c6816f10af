"""What is wrong, and what is doubtful, in a configuration as a whole."""

from collections.abc import Iterable
from pathlib import Path
from types import MappingProxyType
from typing import Any

from scheduled import clock
from scheduled.actions.registry import kind_of
from scheduled.config.files import Drafts, load_config
from scheduled.core import cadence
from scheduled.core.epochs import minute_before, slots_of
from scheduled.core.jobs import Job, Jobs, keys_of
from scheduled.paths import Paths
from scheduled.schedules.kinds import registry as schedule_kinds
from scheduled.schedules.schedule import same
from scheduled.schedules.zones import MINUTE, Instant, Seconds
from scheduled.state.ledger import Ledger
from scheduled.state.open import read_only


def checked(config_file: Path, paths: Paths, drafts: Drafts = MappingProxyType({})) -> dict[str, Any]:
    """Return every fault and doubt, ticks as rare as they are installed; raises ConfigError as `check` does."""
    with read_only(paths) as ledger:
        return check(config_file, drafts, ledger)


def check(
    config_file: Path, drafts: Drafts = MappingProxyType({}), ledger: Ledger | None = None
) -> dict[str, Any]:
    """Return every fault and doubt; raises ConfigError if the configuration can't be read at all.

    How often ticks come, and what has run, is known with the *ledger* only.
    """
    found, now = load_config(config_file, drafts), int(clock.now())
    faults = [*found.problems, *(fault for job in found.jobs.values() for fault in _action_faults(job))]
    every = ledger.meta("cadence") if ledger is not None else None
    rhythm = None if every is None else int(every)
    doubts = [doubt for job in found.jobs.values() for doubt in _doubts(job, rhythm, now)]
    doubts += [
        f"{job.source}: jobs.{job.name}: {_keys(job)}: is over: the job will not run; give an instant to come"
        for job in _too_late(found.jobs, ledger, now)
    ]
    if found.max_sessions is not None:
        doubts.insert(
            0, f"{found.path}: catch_up.max_sessions: bounds nothing, as there are no jobs of agents"
        )
    return {
        "ok": not faults,
        "jobs": len(found.jobs),
        "problems": faults,
        "warnings": [*found.warnings, *doubts],
    }


def _action_faults(job: Job) -> Iterable[str]:
    return (f"{job.source}: jobs.{job.name}: {fault}" for fault in kind_of(job.action).faults(job))


def _too_late(jobs: Jobs, ledger: Ledger | None, now: Instant) -> Iterable[Job]:
    """Yield the jobs whose last slot was over before they were there to run then."""
    job_states = ledger.job_states() if ledger is not None else {}
    for job in jobs.values():
        times = slots_of(job.schedules, now)
        last = times.last_until(minute_before(now)) if times.next_after(minute_before(now)) is None else None
        if last is None or not job.enabled:
            continue
        for key in keys_of(job):
            row, job_state = ledger.row_at(key, last) if ledger else None, job_states.get(key)
            decided = row is not None and row.span.last >= last
            in_time = job_state and same(job_state.schedules, job.schedules) and job_state.epoch < last
            if not decided and not in_time:
                yield job
                break


def _doubts(job: Job, every: Seconds | None, now: Instant) -> Iterable[str]:
    for doubt in job.doubts:
        yield f"{job.source}: jobs.{job.name}: {doubt}"
    for schedule in job.schedules:
        for doubt in schedule_kinds.kind_of(schedule).lint(schedule, now):
            yield f"{job.source}: jobs.{job.name}: {schedule.kind}: {doubt}"
    coarse = every and cadence.doubt(job.schedules, every, now)
    if coarse:
        yield f"{job.source}: jobs.{job.name}: {_keys(job)}: {coarse}"


def _keys(job: Job) -> str:
    return " and ".join(dict.fromkeys(schedule.kind for schedule in job.schedules))


def needed_cadence(config_file: Path) -> int:
    """Return how often ticks have to come, in minutes; without a configuration the usual."""
    schedules = (
        [job.schedules for job in load_config(config_file).jobs.values()] if config_file.exists() else []
    )
    return cadence.needed(schedules, int(clock.now())) // MINUTE
