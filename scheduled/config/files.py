"""Load scheduled.toml and jobs.d/*.toml. Each job is validated separately, so that all problems are reported."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import msgspec

from scheduled import clock, idle
from scheduled.config.job_table import parse_job
from scheduled.config.references import drop_unresolvable
from scheduled.config.settings import read_settings, zone_of
from scheduled.config.tables import (
    MAX_EVENT_RUNS,
    CompatTable,
    InterfacesTable,
    NotifyTable,
    SettingsTable,
)
from scheduled.config.toml_files import Drafts, files_of, read_toml
from scheduled.core.configured_jobs import Jobs
from scheduled.core.keys import JobKey
from scheduled.errors import ConfigError, UnknownError
from scheduled.printable import printable
from scheduled.state.trust import refuse_unreadable, warn_or_refuse


class Config(msgspec.Struct, kw_only=True):
    """A loaded configuration. *jobs* holds the valid jobs, *problems* a message for each other one.

    *read_at* is the instant at which it was read, *fingerprint* that of its files then (see `idle.configured`). The zone
    is the user's choice, or that of the host if *of_host* is true; *kept* is true if it was not asked for again.
    *unreadable*: it was made from the ledger, because the files cannot be read; no job runs.
    *tables* holds the tables of all jobs, valid or not, as they are written, and *settings* all other tables.
    """

    path: Path
    timezone: str
    workspace: Path | None
    max_parallel: int
    max_runs: int | None
    max_minutes: int | None
    max_sessions: int | None
    keep_days: int
    keep_runs: int
    notify: NotifyTable
    jobs: Jobs
    problems: list[str]
    warnings: list[str]
    workspace_layout: str | None = None
    max_event_runs: int = MAX_EVENT_RUNS
    interfaces: InterfacesTable = msgspec.field(default_factory=InterfacesTable)
    compat: CompatTable = msgspec.field(default_factory=CompatTable)
    wake_command: str = ""
    read_at: float = 0
    fingerprint: int = 0
    of_host: bool = False
    kept: bool = False
    unreadable: bool = False
    tables: dict[str, Any] = {}
    settings: dict[str, Any] = {}

    @property
    def sender(self) -> str:
        """The mail address from which notices are sent."""
        return self.notify.sender

    def override(self, overrides: Mapping[JobKey, bool]) -> None:
        """Set `enabled` and `disabled_targets` of jobs to the user's overrides."""
        for key, enabled in overrides.items():
            job = self.jobs.get(key.job)
            if job is not None and key.target:
                disabled = job.disabled_targets
                disabled = disabled - {key.target} if enabled else disabled | {key.target}
                self.jobs.disable_targets(key.job, disabled)
            elif job is not None and job.enabled != enabled:
                self.jobs.enable(key.job, enabled=enabled)

    def give_targets(self, found: Mapping[str, Sequence[str]]) -> None:
        """Set the targets of the jobs *found*, by name, of which the lists change by themselves."""
        for name, targets in found.items():
            if name in self.jobs:
                self.jobs.give_targets(name, targets)


def load_config(
    path: Path, drafts: Drafts = MappingProxyType({}), kept_zone: Callable[[], str] | None = None
) -> Config:
    """Given the path of scheduled.toml, return the configuration in it and in the directory jobs.d beside it.

    Raise ConfigError if scheduled.toml can't be read or its settings are wrong: then no job may run. A wrong job or
    file of jobs.d only adds to `problems`. *drafts* are contents to use instead of those on disk (None: no file). A
    configuration without `timezone` is read in the zone that *kept_zone* returns; by default in the host's.
    """
    read_at, fingerprint = clock.now(), idle.configured(os.fsencode(path))
    warnings = warn_or_refuse(path)
    refuse_unreadable(path)
    tables = read_toml(path, drafts)
    settings = read_settings(path, tables)
    config = Config(
        path=path,
        timezone=zone_of(path, settings, kept_zone or clock.local_zone),
        workspace=Path(settings.workspace).expanduser() if settings.workspace else None,
        max_parallel=settings.max_parallel,
        max_runs=settings.catch_up.max_runs,
        max_event_runs=settings.catch_up.max_event_runs,
        max_minutes=settings.catch_up.max_minutes,
        max_sessions=settings.catch_up.max_sessions,
        keep_days=settings.history.keep_days,
        keep_runs=settings.history.keep_runs,
        notify=settings.notify,
        workspace_layout=settings.workspace_layout,
        interfaces=InterfacesTable(mcp=settings.mcp, dbus=settings.dbus, web=settings.web),
        compat=settings.compat,
        wake_command=settings.wake.command,
        jobs=Jobs(),
        problems=[],
        warnings=warnings,
        read_at=read_at,
        fingerprint=fingerprint,
        of_host=settings.timezone is None,
        kept=kept_zone is not None,
        settings={key: value for key, value in tables.items() if key != "jobs"},
    )
    for source, name, table in _job_tables(path, settings, config, drafts):
        config.tables.setdefault(name, table)
        _add_job(config, source, name, table, settings.defaults)
    drop_unresolvable(config.jobs, config.problems)
    config.problems[:] = map(printable, config.problems)  # a file name may hold bytes that are not text
    config.warnings[:] = map(printable, config.warnings)
    return config


def _job_tables(
    path: Path, settings: SettingsTable, config: Config, drafts: Drafts
) -> Iterator[tuple[Path, str, Any]]:
    yield from ((path, name, table) for name, table in settings.jobs.items())
    try:
        extras = files_of(path, drafts)
    except ConfigError as error:
        config.problems.append(str(error))
        return
    for extra in extras:
        try:
            config.warnings += warn_or_refuse(extra)
            tables = read_toml(extra, drafts)
        except ConfigError as error:
            config.problems.append(str(error))
            continue
        config.problems += [
            f"{extra}: {key}: only [jobs.NAME] tables are allowed in jobs.d; move it to {path.name}"
            for key in tables
            if key != "jobs"
        ]
        jobs = tables.get("jobs", {})
        if isinstance(jobs, dict):
            yield from ((extra, name, table) for name, table in jobs.items())
        else:
            config.problems.append(f"{extra}: jobs: must be a table; write [jobs.NAME]")


def _add_job(config: Config, source: Path, name: str, table: Any, defaults: dict[str, Any]) -> None:
    try:
        if name in config.jobs:
            raise ConfigError(f"already defined in {config.jobs[name].source}; rename or remove this one")  # noqa: TRY301 - the handler adds the file
        config.jobs[name] = parse_job(name, table, source=source, defaults=defaults, timezone=config.timezone)
    except ConfigError as error:
        config.problems.append(f"{source}: jobs.{name}: {error}")


def with_lines(found: Config, drafts: Drafts = MappingProxyType({})) -> Config:
    """Return *found*, of which each problem with a job now has the number of its line."""
    if found.problems:
        from scheduled.config.lines import located

        found.problems[:] = located(found.problems, drafts)
    return found


def messages(found: Config) -> dict[str, str]:
    """Return the problems and warnings by their texts without the line, which an edit of other lines changes."""
    if not found.problems:
        return {text: text for text in found.warnings}
    from scheduled.config.lines import without_line

    return {without_line(text): text for text in (*found.problems, *found.warnings)}


def known_jobs(found: Config, names: Sequence[str]) -> list[str]:
    """Return *names* without duplicates. Raise UnknownError, with a hint, if one is not a job."""
    for name in names:
        if name not in found.jobs:
            raise UnknownError(f"no such job: {name}; {unknown_hint(found, name)}")
    return list(dict.fromkeys(names))


def unknown_hint(found: Config, name: str) -> str:
    """Return why there may be no job *name*: an error in its definition or in a file, or a similar name."""
    import difflib

    own = next((problem for problem in found.problems if f": jobs.{name}: " in problem), None)
    if own is not None:
        return f"its definition has an error: {own}"
    near = difflib.get_close_matches(name, found.jobs, n=3)
    similar = f"did you mean {' or '.join(near)}?" if near else "`scheduled jobs` lists the jobs"
    unread = next((problem for problem in found.problems if ": jobs." not in problem), None)
    return similar if unread is None else f"its file may be one with an error: {unread}; otherwise: {similar}"
