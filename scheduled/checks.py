"""What is wrong, and what is doubtful, in a configuration as a whole."""

from collections.abc import Iterable
from pathlib import Path
from types import MappingProxyType
from typing import Any

import msgspec

from scheduled import cadence, clock, config
from scheduled.jobs import MINUTE, Instant, Job, Seconds
from scheduled.lint import lint
from scheduled.looking import looking
from scheduled.state.paths import Paths


def checked(config_file: Path, paths: Paths, drafts: config.Drafts = MappingProxyType({})) -> dict[str, Any]:
    """Return every fault and doubt, ticks as rare as they are installed; raises ConfigError as `check` does."""
    with looking(paths) as ledger:
        every = ledger.meta("cadence")
    return check(config_file, drafts, every=None if every is None else int(every))


def check(
    config_file: Path, drafts: config.Drafts = MappingProxyType({}), *, every: Seconds | None = None
) -> dict[str, Any]:
    """Return every fault and doubt; raises ConfigError if the configuration can't be read at all.

    *every* is how often ticks come; None where that is not known.
    """
    found, now = config.load(config_file, drafts), int(clock.now())
    faults = [*found.problems, *(fault for job in found.jobs.values() for fault in _option_faults(job))]
    doubts = [doubt for job in found.jobs.values() for doubt in _doubts(job, every, now)]
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


def _option_faults(job: Job) -> Iterable[str]:
    from scheduled.handlers import registry

    if job.action.kind == "handler":
        try:
            module = registry.find(job.action.name)
            if hasattr(module, "Options"):
                msgspec.convert(job.options, module.Options)
        except (LookupError, msgspec.ValidationError) as error:
            yield f"{job.source}: jobs.{job.name}: {error.args[0]}"
    elif job.options and job.action.kind == "command":
        yield f"{job.source}: jobs.{job.name}: options: a command takes none; use env"


def _doubts(job: Job, every: Seconds | None, now: Instant) -> Iterable[str]:
    if job.schedule.kind == "cron":
        for doubt in lint(job.schedule.expression, job.schedule.zone, now, job.schedule.seed):
            yield f"{job.source}: jobs.{job.name}: cron: {doubt}"
    coarse = every and cadence.doubt(job.schedule, every, now)
    if coarse:
        yield f"{job.source}: jobs.{job.name}: {job.schedule.kind}: {coarse}"


def needed_cadence(config_file: Path) -> int:
    """Return how often ticks have to come, in minutes; without a configuration the usual."""
    schedules = (
        [job.schedule for job in config.load(config_file).jobs.values()] if config_file.exists() else []
    )
    return cadence.needed(schedules, int(clock.now())) // MINUTE
