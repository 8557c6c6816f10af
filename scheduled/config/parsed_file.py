"""The configuration as it was parsed last, in a file of the state directory: most processes need not parse it again.

Of a file of jobs.d that has changed since, the jobs are parsed again; after any other change everything is. The file can be
deleted at any time. A configuration with problems or warnings, or with a secret in an `env`, is not kept.
"""

import os
import struct
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any
from zlib import crc32

import msgspec

from scheduled import clock, idle
from scheduled.config import kept_jobs
from scheduled.config.config import Config, give_jobs, with_settings
from scheduled.config.kept_jobs import JobList, KeptJobs
from scheduled.config.made_from import is_settled, made_with, number_of, numbers
from scheduled.config.settings import zone_of
from scheduled.config.tables import SettingsTable
from scheduled.config.written import Drafts, Tables, Written
from scheduled.core.jobs import Job
from scheduled.errors import ConfigError
from scheduled.masking import is_secret_name
from scheduled.paths import Paths
from scheduled.state.files import Parts, read_regular, write_all
from scheduled.state.trust import refuse_unreadable, warn_or_refuse

MAGIC = b"scheduled: the parsed configuration\n"
SIZES = struct.Struct(">QI")  # the length of the beginning, and the checksum of everything that follows
BEGIN = len(MAGIC) + SIZES.size


class _Kept(msgspec.Struct, frozen=True):
    """The beginning of the file. *size* bytes with the jobs follow, then the tables.

    *fingerprint* is that of the configuration, *made_with* the result of `made_with`. *files* are the files of the
    configuration, each with its fingerprint.
    """

    fingerprint: int
    made_with: int
    files: list[tuple[str, int]]
    zone: str
    settings: SettingsTable
    digest: str
    jobs: JobList
    size: int


class _Read:
    """The content of the file: its beginning *kept*, and a view of the *rest*, of which there is no copy."""

    def __init__(self, kept: _Kept, rest: memoryview) -> None:
        self.kept, self._rest, self._decoded = kept, rest, dict[str, Job]()

    def jobs(self) -> KeptJobs:
        """Return the jobs, each of which is decoded once for all that this returns."""
        return KeptJobs(self.kept.jobs, self._rest[: self.kept.size], self._decoded)

    def tables(self) -> tuple[Tables, Tables]:
        """Return the tables of the jobs, and the others."""
        return msgspec.json.decode(self._rest[self.kept.size :], type=tuple[Tables, Tables])


def load(
    paths: Paths,
    path: Path,
    kept_zone: Callable[[], str] | None = None,
    drafts: Drafts = MappingProxyType({}),
) -> Config:
    """Return what `load_config` returns for *path* and *drafts*, from the file that is kept in the state *paths* if possible.

    If only files of jobs.d differ from those that it was made from, only these are parsed. Raise ConfigError as
    `load_config` does.
    """
    found = _load(paths, path, kept_zone, drafts)
    if found is not None:
        return found
    # Here, because an ordinary tick does not need these imports, which take long.
    from scheduled.config.files import load_config

    return load_config(path, drafts, kept_zone)


def _load(paths: Paths, path: Path, kept_zone: Callable[[], str] | None, drafts: Drafts) -> Config | None:
    read_at, fingerprint = clock.now(), idle.configured(os.fsencode(path))
    try:
        if warn_or_refuse(paths.parsed) or warn_or_refuse(path):
            return None
        read = _decoded(read_regular(paths.parsed))
    except (OSError, ValueError, struct.error, ConfigError):
        return None  # there is none, or it is damaged, or its rights are wrong
    kept = read.kept
    if kept.made_with != made_with(path):
        return None
    refuse_unreadable(path)
    if not _is_in_zone(kept, path, kept_zone):
        return None
    if drafts or kept.fingerprint != fingerprint:
        return _with_changes(path, read, read_at, fingerprint, kept_zone, drafts)
    config = with_settings(path, kept.settings, kept.zone, kept=kept_zone is not None)
    config.read_at, config.fingerprint, config.digest = read_at, fingerprint, kept.digest
    give_jobs(config, read.jobs())
    config.written = Written(read.tables)
    return config


def _is_in_zone(kept: _Kept, path: Path, kept_zone: Callable[[], str] | None) -> bool:
    """Return whether the zone of the configuration is still that in which its jobs were parsed."""
    try:
        return zone_of(path, kept.settings, kept_zone or clock.local_zone) == kept.zone
    except ConfigError:
        return False  # it is no zone any more, and scheduled.toml may have another one now


def _with_changes(
    path: Path,
    read: _Read,
    read_at: float,
    fingerprint: int,
    kept_zone: Callable[[], str] | None,
    drafts: Drafts,
) -> Config | None:
    """Return the configuration that was kept, with the changed files and *drafts* of jobs.d; None if scheduled.toml changed."""
    from scheduled.config.files import Unchanged, load_config  # rarely needed

    kept, drafted = read.kept, set(map(str, drafts))
    files: dict[str, list[str]] = {
        file: [] for file, number in kept.files if file not in drafted and number_of(file) == number
    }
    if str(path) not in files:
        return None
    jobs, (written, settings) = read.jobs(), read.tables()
    for job in jobs.values():
        if (names := files.get(job.source)) is not None:
            names.append(job.name)
    unchanged = Unchanged(kept.zone, kept.settings, settings, files, jobs, written, read_at, fingerprint)
    return load_config(path, drafts, kept_zone, unchanged)


@lru_cache(maxsize=1)  # an edit reads the same file several times
def _decoded(data: bytes) -> _Read:
    """Return the file with the content *data*. Raise ValueError if it is damaged."""
    length, checksum = SIZES.unpack(data[len(MAGIC) : BEGIN])
    rest = memoryview(data)[BEGIN:]
    if not data.startswith(MAGIC) or crc32(rest) != checksum:
        raise ValueError
    return _Read(msgspec.msgpack.decode(rest[:length], type=_Kept), rest[length:])


def keep(paths: Paths, config: Config) -> None:
    """Keep *config* in the state *paths*, if it was parsed, has no problems, and its files were not changed just now.

    Nothing is done if the file can't be written: the configuration is parsed once more then.
    """
    if not config.parsed or config.problems or config.warnings or not is_settled(config):
        return
    found = None if _has_secrets(config.written.settings) else _encoded(config)
    if found is None or idle.configured(os.fsencode(config.path)) != config.fingerprint:
        return
    checksum = 0
    for part in found:
        checksum = crc32(part, checksum)
    with suppress(OSError):
        _write(paths.parsed, [MAGIC + SIZES.pack(len(found[0]), checksum), *found])


def _encoded(config: Config) -> tuple[bytes, bytes, bytes] | None:
    """Return the beginning, the jobs and the tables, encoded; None if *config* can't be kept without a difference."""
    from scheduled.config.changes import digest  # rarely needed

    try:
        found, tables = kept_jobs.encode(config.jobs), _encoded_tables(config.written)
        if found is None or tables is None:
            return None
        listed, jobs = found
        settings = msgspec.convert(config.written.settings, SettingsTable)
        files, made = numbers(config.path), made_with(config.path)
        zone, known = config.timezone, digest(config)
        head = msgspec.msgpack.encode(
            _Kept(config.fingerprint, made, files, zone, settings, known, listed, len(jobs))
        )
    # Files that can't be listed, an integer of more than 64 bits, or a file name that is not text.
    except (ConfigError, OverflowError, TypeError, ValueError):
        return None
    return head, jobs, tables


def _encoded_tables(written: Written) -> bytes | None:
    """Return the tables, encoded; None if that makes a difference. Dates and times become texts, as in `changes`."""
    encoded = msgspec.json.encode((written.jobs, written.settings))
    return encoded if msgspec.json.encode(msgspec.json.decode(encoded)) == encoded else None


def _write(path: Path, parts: Parts) -> None:
    """Replace the file. It is not synced: the checksum shows whether it is complete."""
    temporary = path.with_name(f".{path.name}.tmp")  # a leftover of a killed tick is overwritten
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        for part in parts:
            write_all(fd, part)
    finally:
        os.close(fd)
    os.replace(temporary, path)


def _has_secrets(settings: Mapping[str, Any]) -> bool:
    """Return whether [defaults] or [notify] has a secret, which is kept in no file of the state."""
    from scheduled.config.secret_urls import (  # a tick with a kept configuration asks nothing
        URLS,
        is_secret_url,
    )

    tables = [settings.get(name) or {} for name in ("defaults", "notify")]
    env = tables[0].get("env") or {}
    urls = (table.get(key) for table in tables for key in URLS)
    if any(map(is_secret_name, env)) or any(map(is_secret_url, urls)):
        return True
    channels = tables[1].get("channels") or {}
    if not channels:
        return False
    from scheduled.core.channels import may_be_secret  # many configurations have no channels

    return any(may_be_secret(one.get("url") if isinstance(one, dict) else one) for one in channels.values())
