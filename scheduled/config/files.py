"""Load scheduled.toml and jobs.d/*.toml. Each job is validated separately, so that all problems are reported."""

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import msgspec

from scheduled import clock, idle
from scheduled.config.config import Config, with_settings
from scheduled.config.job_table import parse_job
from scheduled.config.references import drop_unresolvable
from scheduled.config.settings import read_settings, zone_of
from scheduled.config.tables import NotifyTable, SettingsTable
from scheduled.config.toml_files import files_of, read_toml
from scheduled.config.written import Drafts, Tables, Written
from scheduled.core.jobs import Job
from scheduled.errors import ConfigError
from scheduled.printable import printable
from scheduled.state.trust import refuse_unreadable, warn_or_refuse


class Unchanged(msgspec.Struct, frozen=True):
    """What is known of files that did not change: what scheduled.toml has beside jobs, and the jobs of each of the *files*.

    *jobs* are all jobs that were parsed, in the *zone*, and *written* their tables. *read_at* and *fingerprint* are those of
    the configuration that is made now, see `Config`.
    """

    zone: str
    settings: SettingsTable
    tables: Tables
    files: dict[str, list[str]]
    jobs: Mapping[str, Job]
    written: Tables
    read_at: float
    fingerprint: int


def load_config(
    path: Path,
    drafts: Drafts = MappingProxyType({}),
    kept_zone: Callable[[], str] | None = None,
    unchanged: Unchanged | None = None,
) -> Config:
    """Given the path of scheduled.toml, return the configuration in it and in the directory jobs.d beside it.

    Raise ConfigError if scheduled.toml can't be read or its settings are wrong: then no job may run. A wrong job or
    file of jobs.d only adds to `problems`. *drafts* are contents to use instead of those on disk (None: no file). A
    configuration without `timezone` is read in the zone that *kept_zone* returns; by default in the host's. Files that are
    *unchanged* are not read; scheduled.toml is one of them.
    """
    read_at, fingerprint = (
        (unchanged.read_at, unchanged.fingerprint)
        if unchanged is not None
        else (clock.now(), idle.configured(os.fsencode(path)))
    )
    warnings = warn_or_refuse(path)
    refuse_unreadable(path)
    if unchanged is not None:
        tables, settings = unchanged.tables, unchanged.settings
    else:
        tables = read_toml(path, drafts)
        settings = read_settings(path, tables)
    zone = unchanged.zone if unchanged else zone_of(path, settings, kept_zone or clock.local_zone)
    config = with_settings(path, settings, zone, kept=kept_zone is not None)
    config.warnings, config.read_at, config.fingerprint, config.parsed = warnings, read_at, fingerprint, True
    if settings.notify != NotifyTable() or settings.web.external_url:
        from scheduled.config import notices  # many configurations have none

        config.problems += notices.problems(path, settings)
    written: dict[str, Any] = {}
    for source, name, table, job in _job_tables(path, settings, config, drafts, unchanged):
        written.setdefault(name, table)
        _add_job(config, source, name, table, settings.defaults, job)
    config.written = Written(
        lambda: (written, {key: value for key, value in tables.items() if key != "jobs"})
    )
    drop_unresolvable(config.jobs, config.problems)
    config.problems[:] = map(printable, config.problems)  # a file name may hold bytes that are not text
    config.warnings[:] = map(printable, config.warnings)
    return config


def _job_tables(
    path: Path, settings: SettingsTable, config: Config, drafts: Drafts, unchanged: Unchanged | None
) -> Iterator[tuple[Path, str, Any, Job | None]]:
    """Yield each job with the file that defines it, its name, its table, and the job itself if it is known."""
    if unchanged is not None:
        yield from _known_of(unchanged, path)
    else:
        yield from ((path, name, table, None) for name, table in settings.jobs.items())
    try:
        extras = files_of(path, drafts)
    except ConfigError as error:
        config.problems.append(str(error))
        return
    for extra in extras:
        if unchanged is not None and str(extra) in unchanged.files:
            yield from _known_of(unchanged, extra)
            continue
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
            yield from ((extra, name, table, None) for name, table in jobs.items())
        else:
            config.problems.append(f"{extra}: jobs: must be a table; write [jobs.NAME]")


def _known_of(unchanged: Unchanged, file: Path) -> Iterator[tuple[Path, str, Any, Job]]:
    for name in unchanged.files[str(file)]:
        yield file, name, unchanged.written[name], unchanged.jobs[name]


def _add_job(
    config: Config, source: Path, name: str, table: Any, defaults: dict[str, Any], job: Job | None
) -> None:
    try:
        if name in config.jobs:
            raise ConfigError(f"already defined in {config.jobs[name].source}; rename or remove this one")  # noqa: TRY301 - the handler adds the file
        config.jobs[name] = job or _parsed(name, table, source, defaults, config.timezone)
    except ConfigError as error:
        config.problems.append(f"{source}: jobs.{name}: {error}")


_known: dict[tuple[str, Path, str, str], Job] = {}


def _parsed(name: str, table: Any, source: Path, defaults: dict[str, Any], timezone: str) -> Job:
    """Return what `parse_job` returns. A command that edits a configuration loads it several times, with the same jobs."""
    try:
        key = name, source, timezone, repr((table, defaults))
    except (RecursionError, ValueError):  # a number of thousands of digits; such values are refused
        return parse_job(name, table, source=source, defaults=defaults, timezone=timezone)
    if key not in _known:
        _known[key] = parse_job(name, table, source=source, defaults=defaults, timezone=timezone)
    return _known[key]
