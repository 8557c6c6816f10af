"""A loaded configuration. `files` loads it from its files, and `parsed_file` from what was kept of them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

import msgspec

from scheduled.config.tables import (
    MAX_EVENT_RUNS,
    CompatTable,
    InterfacesTable,
    LogTable,
    MetricsTable,
    NotifyTable,
    SettingsTable,
)
from scheduled.config.written import Drafts, Written
from scheduled.core.configured_jobs import Jobs
from scheduled.core.keys import JobKey
from scheduled.errors import UnknownError


class Config(msgspec.Struct, kw_only=True):
    """A loaded configuration. *jobs* holds the valid jobs, *problems* a message for each other one.

    *read_at* is the instant at which it was read, *fingerprint* that of its files then (see `idle.configured`). The zone
    is the user's choice, or that of the host if *of_host* is true; *kept* is true if it was not asked for again.
    *unreadable*: it was made from the ledger, because the files cannot be read; no job runs.
    *written* are its tables as they are written. *digest* is the hash of them, '' if it was not computed. *parsed*: the files
    were parsed, and not what was kept of them.
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
    written: Written = msgspec.field(default_factory=Written)
    digest: str = ""
    parsed: bool = False
    metrics: MetricsTable = msgspec.field(default_factory=MetricsTable)
    log: LogTable = msgspec.field(default_factory=LogTable)

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


def with_settings(path: Path, settings: SettingsTable, zone: str, *, kept: bool) -> Config:
    """Return a configuration in *zone* that has *settings*, and no jobs yet; *kept* is that of `Config`."""
    found = Config(
        path=path,
        timezone=zone,
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
        warnings=[],
        of_host=settings.timezone is None,
        kept=kept,
        metrics=settings.metrics,
        log=settings.log,
    )
    give_jobs(found, Jobs())
    return found


def give_jobs(found: Config, jobs: Jobs) -> None:
    """Make *jobs* those of the configuration *found*, with the routes of notices about events."""
    if found.notify.routes:
        from scheduled.config import notices  # most configurations have none

        jobs.event_routes = notices.events(found.notify, found.interfaces.web.external_url)
    found.jobs = jobs


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
