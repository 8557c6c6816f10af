"""The problems and warnings of a configuration as a whole."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

from scheduled import clock, question
from scheduled.actions.registry import kind_of
from scheduled.config import (
    alike,
    approval_doubts,
    expect_doubts,
    heartbeat_doubts,
    jitter_doubts,
    late_slots,
    no_effect,
    tick_doubts,
    web_hosts,
)
from scheduled.config.config import Config
from scheduled.config.doubts import CRON_PATH, doubts
from scheduled.config.files import load_config
from scheduled.config.kept_zone import kept_in
from scheduled.config.last_targets import recall
from scheduled.config.lines import located, with_line_of_setting
from scheduled.config.parsed_file import load
from scheduled.config.workspace_doubts import workspace_doubts
from scheduled.config.written import Drafts
from scheduled.core import cadence, retry_span, wait_span
from scheduled.core.configured_jobs import Jobs
from scheduled.core.jobs import DEFAULT_CADENCE, Job
from scheduled.core.tick_times import Ticks
from scheduled.errors import ConfigError
from scheduled.paths import Paths
from scheduled.printable import printable
from scheduled.schedules.kinds import registry as schedule_kinds
from scheduled.schedules.zones import MINUTE, Instant, Seconds
from scheduled.state.files import RefusedError, read_regular
from scheduled.state.ledger import Ledger
from scheduled.state.open import read_only


def checked(
    config_file: Path, paths: Paths, environment: Mapping[str, str] = MappingProxyType({})
) -> dict[str, Any]:
    """Return the result of `check` with the ledger of *paths*, if it exists. Raise ConfigError as `check` does."""
    with read_only(paths) as ledger:
        return of_config(load(paths, config_file, partial(kept_in, ledger)), ledger, environment)


def with_lines(document: dict[str, Any], drafts: Drafts = MappingProxyType({})) -> dict[str, Any]:
    """Return the *document* of `check` with the number of the line in each message about a job or a setting."""
    return {**document, **{key: located(document[key], drafts) for key in ("problems", "warnings")}}


def unreadable(config_file: Path, error: ConfigError) -> str:
    """Return the message of *error*, which is why *config_file* cannot be read, with the line of the setting it is about."""
    try:
        text = read_regular(config_file).decode(errors="replace")
    except (OSError, RefusedError):
        text = ""
    return printable(with_line_of_setting(str(error), str(config_file), text))


def check(
    config_file: Path,
    drafts: Drafts = MappingProxyType({}),
    ledger: Ledger | None = None,
    environment: Mapping[str, str] = MappingProxyType({}),
) -> dict[str, Any]:
    """Return all problems and warnings. Raise ConfigError as `load_config` does, which also defines *drafts*.

    *environment* is that of every job, before its own `env`; its PATH is that of cron by default. The *ledger* has the interval between ticks, which slots ran, and the last known targets. Without it, the interval is unknown and no slot
    counts as run.
    """
    return of_config(load_config(config_file, drafts, partial(kept_in, ledger)), ledger, environment)


def of_config(
    found: Config,
    ledger: Ledger | None,
    environment: Mapping[str, str] = MappingProxyType({}),
    names: Collection[str] | None = None,
) -> dict[str, Any]:
    """Return the result of `check` for a loaded configuration.

    With *names*, what concerns a single job on its own is only looked for in these jobs.
    """
    now = int(clock.now())
    if ledger is not None:
        recall(found, ledger)
    jobs = found.jobs if names is None else {name: found.jobs[name] for name in names if name in found.jobs}
    problems = [
        *found.problems,
        *web_hosts.problems(found.path, found.interfaces.web.hosts),
        *(problem for job in jobs.values() for problem in _action_problems(job)),
        *alike.of_targets(found.jobs),
    ]
    recorded = ledger.meta("cadence") if ledger is not None else None
    tick_interval = None if recorded is None else int(recorded)
    warnings = [
        *_of_sessions(found),
        *_of_each_job(found, jobs, tick_interval, now, environment),
        *(
            f"{job.source}: jobs.{job.name}: {_keys(job)}: {clock.stamp(slot, job.zone)} is in the past, {what}"
            for job, slot, what in late_slots.too_late(jobs, ledger, now)
        ),
        *alike.warnings(found.jobs),
        *_of_settings(found, {"PATH": CRON_PATH, **environment}),
    ]
    return {
        "ok": not problems,
        "jobs": len(found.jobs),
        "problems": [*map(printable, problems)],  # names and commands may hold control characters
        "warnings": [*map(printable, [*found.warnings, *warnings])],
    }


def _of_sessions(found: Config) -> Iterator[str]:
    if found.max_sessions is not None and not any(job.action.session for job in found.jobs.values()):
        yield f"{found.path}: catch_up.max_sessions: no job starts sessions, so it has no effect; remove it"


def _of_settings(found: Config, environment: Mapping[str, str]) -> Iterator[str]:
    """Yield the warnings about the workspace, the monitor, adapters and notices; *environment* is that of commands, with PATH."""
    yield from workspace_doubts(found)
    for doubt in heartbeat_doubts.of_settings(found.notify, environment):
        yield f"{found.path}: {doubt}"
    if found.compat.trigger or found.compat.send:
        from scheduled.config import adapters  # it starts an interpreter

        yield from adapters.doubts(found, environment)
    if found.notify.channels or found.notify.routes or any(job.notify for job in found.jobs.values()):
        from scheduled.config import notify_doubts  # many configurations have none

        yield from notify_doubts.doubts(found, environment)


def _of_each_job(
    found: Config,
    jobs: Mapping[str, Job],
    tick_interval: Seconds | None,
    now: Instant,
    environment: Mapping[str, str],
) -> Iterator[str]:
    """Yield the warnings about each of *jobs* on its own, by their kind, then in the order of the jobs."""
    for job in question.each(jobs.values()):
        yield from _warnings(job, tick_interval, now)
    ticks = Ticks(assumed_interval(found.jobs, now) if tick_interval is None else tick_interval)
    kinds: tuple[Callable[[Job], Iterable[str]], ...] = (
        lambda job: tick_doubts.warnings(job, ticks, now),
        lambda job: jitter_doubts.warnings(job, ticks, now),
        lambda job: no_effect.warnings(job, found.written.jobs.get(job.name, {})),
        lambda job: expect_doubts.warnings(job, found.written.jobs.get(job.name, {}), ticks, now),
        lambda job: approval_doubts.warnings(job, found.jobs, now),
        lambda job: doubts(job, found.jobs, environment, found.written.jobs.get(job.name)),
    )
    for kind in kinds:
        for job in question.each(jobs.values()):
            yield from (f"{job.source}: jobs.{job.name}: {doubt}" for doubt in kind(job))


def assumed_interval(jobs: Jobs, now: Instant) -> Seconds:
    """Return the interval between ticks that the doubts about *jobs* assume: as often as `install` would start them."""
    needs = any(
        job.grace is not None or job.not_between is not None or job.expect is not None
        for job in jobs.values()
    )
    return cadence.needed([job.schedules for job in jobs.values()], now) if needs else DEFAULT_CADENCE


def _action_problems(job: Job) -> Iterable[str]:
    return (f"{job.source}: jobs.{job.name}: {problem}" for problem in kind_of(job.action).faults(job))


def _warnings(job: Job, tick_interval: Seconds | None, now: Instant) -> Iterable[str]:
    for warning in job.warnings:
        yield f"{job.source}: jobs.{job.name}: {warning}"
    for schedule in job.schedules:
        for warning in schedule_kinds.kind_of(schedule).lint(schedule, now):
            which = f"{schedule.kind} {schedule.expression}" if len(job.schedules) > 1 else schedule.kind
            yield f"{job.source}: jobs.{job.name}: {which.strip()}: {warning}"
    too_rare = tick_interval and cadence.warning(job.schedules, tick_interval, now)
    if too_rare:
        yield f"{job.source}: jobs.{job.name}: {_keys(job)}: {too_rare}"
    too_long = retry_span.warning(job, now)
    if too_long:
        yield f"{job.source}: jobs.{job.name}: retry: {too_long}"
    for waits_long in wait_span.warnings(job, now):
        yield f"{job.source}: jobs.{job.name}: {waits_long}"


def _keys(job: Job) -> str:
    return " and ".join(dict.fromkeys(schedule.kind for schedule in job.schedules))


def needed_cadence(config_file: Path) -> int:
    """Return the interval between ticks, in minutes, that the schedules need; without a configuration the default."""
    schedules = (
        [job.schedules for job in load_config(config_file).jobs.values()] if config_file.exists() else []
    )
    return cadence.needed(schedules, int(clock.now())) // MINUTE
