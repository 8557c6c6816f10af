"""What is wrong, and what is doubtful, in a configuration as a whole."""

from collections.abc import Iterable
from pathlib import Path
from types import MappingProxyType
from typing import Any

from scheduled import clock
from scheduled.actions.registry import kind_of
from scheduled.config.files import Drafts, load_config
from scheduled.core import cadence
from scheduled.core.epochs import minute_before
from scheduled.core.jobs import Job, Jobs
from scheduled.paths import Paths
from scheduled.schedules.cron_lint import lint
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
        f"{job.source}: jobs.{job.name}: at: is over: the job will not run; give an instant to come"
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
    """Yield the jobs with an `at` that was over before they were there to run then."""
    job_states = ledger.job_states() if ledger is not None else {}
    for job in jobs.values():
        at = job.schedule.anchor
        if job.schedule.kind != "at" or at is None or at > minute_before(now) or not job.enabled:
            continue
        row, job_state = ledger.row_at(job.name, at) if ledger else None, job_states.get(job.name)
        decided = row is not None and row.span.last >= at
        in_time = job_state is not None and job_state.schedule == job.schedule and job_state.epoch < at
        if not decided and not in_time:
            yield job


def _doubts(job: Job, every: Seconds | None, now: Instant) -> Iterable[str]:
    for doubt in job.doubts:
        yield f"{job.source}: jobs.{job.name}: {doubt}"
    if job.schedule.kind == "cron":
        for doubt in lint(job.schedule.expression, job.schedule.zone, now, job.schedule.seed):
            yield f"{job.source}: jobs.{job.name}: cron: {doubt}"
    coarse = every and cadence.doubt(job.schedule, every, now)
    if coarse:
        yield f"{job.source}: jobs.{job.name}: {job.schedule.kind}: {coarse}"


def needed_cadence(config_file: Path) -> int:
    """Return how often ticks have to come, in minutes; without a configuration the usual."""
    schedules = (
        [job.schedule for job in load_config(config_file).jobs.values()] if config_file.exists() else []
    )
    return cadence.needed(schedules, int(clock.now())) // MINUTE
