"""`state backup` and `state restore`: a consistent copy of ledger, snapshot, record of opened mails and configuration."""

import io
import os
import sqlite3
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

import scheduled
from scheduled import clock
from scheduled.config.toml_files import job_files
from scheduled.errors import BusyError, ConfigError, StateError
from scheduled.instance import Instance
from scheduled.paths import Paths
from scheduled.state import directories
from scheduled.state.files import (
    RefusedError,
    make_directories,
    open_regular,
    sync_directory,
    write_atomically,
)
from scheduled.state.locks import exclusive, is_held
from scheduled.state.open import open_existing
from scheduled.state.sqlite.ledger import SqliteLedger, using

FORMAT = 1
PRIVATE = 0o600
LEDGER, SNAPSHOT, OPENED, MANIFEST = "ledger.db", "scheduled_state.json", "opened_mails.json", "manifest.json"
CONFIG = "config/"


class Manifest(msgspec.Struct, kw_only=True):
    """The description of a backup: its format, the program's version, and where and when it was made."""

    format: int
    version: str
    created_at: str
    host: str
    state: str
    config: str


def backup(instance: Instance, file: Path, *, dry_run: bool = False) -> dict[str, Any]:
    """Write a consistent copy of ledger, snapshot, record of opened mails and configuration to *file*. Jobs may run at the same time.

    The archive has mode 0600 and is sufficient to continue on another machine. Raise StateError if there is no ledger
    or *file* cannot be written.
    """
    config_file, paths, target = instance.config_file, instance.paths, file.absolute()
    open_existing(paths).close()  # raises before a lock file is created in a directory without a ledger
    manifest = Manifest(
        format=FORMAT,
        version=scheduled.__version__,
        created_at=datetime.fromtimestamp(int(clock.now()), UTC).isoformat(),
        host=os.uname().nodename,
        state=str(paths.root),
        config=str(config_file),
    )
    members = {
        MANIFEST: msgspec.json.encode(manifest),
        LEDGER: _ledger(paths),
        **dict(_files(config_file, paths)),
    }
    if not dry_run:
        try:
            write_atomically(target, _archive(members), mode=PRIVATE)
        except OSError as error:
            raise StateError(f"{target}: {error.strerror}") from error
    return {
        "path": str(target),
        "dry_run": dry_run,
        "files": {name: len(data) for name, data in members.items()},
    }


def _ledger(paths: Paths) -> bytes:
    """Return a copy of the ledger. The lock makes writers wait, so the copy is consistent."""
    with tempfile.TemporaryDirectory(prefix="scheduled-backup-") as scratch:
        copy = Path(scratch) / LEDGER
        with exclusive(paths.ledger.with_suffix(".lock")), using(open_existing(paths)) as ledger:
            ledger.copy(copy)
        return copy.read_bytes()


def _files(config_file: Path, paths: Paths) -> Iterator[tuple[str, bytes]]:
    places = {SNAPSHOT: paths.snapshot, OPENED: paths.root / OPENED, f"{CONFIG}scheduled.toml": config_file}
    places |= {f"{CONFIG}jobs.d/{path.name}": path for path in job_files(config_file)}
    for name, path in places.items():
        if path.exists():
            yield name, path.read_bytes()


def _archive(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, data in members.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode, entry.mtime = len(data), PRIVATE, int(clock.now())
            archive.addfile(entry, io.BytesIO(data))
    return buffer.getvalue()


def restore(
    instance: Instance, file: Path, *, with_config: bool = False, dry_run: bool = False
) -> dict[str, Any]:
    """Replace the state by that of a backup; move the current state into the backups directory.

    With *with_config*, also replace the configuration. Raise ConfigError if *file* is not a backup that this version
    can read, BusyError while jobs run; in both cases nothing is changed.
    """
    config_file, paths, source = instance.config_file, instance.paths, file.absolute()
    members = _read(source)
    manifest = _manifest(source, members)
    _check_ledger(source, members[LEDGER])
    _refuse_while_busy(paths)
    files = _to_write(config_file, paths, members, with_config=with_config)
    aside = paths.backups / f"before-restore-{datetime.fromtimestamp(clock.now(), UTC):%Y%m%dT%H%M%S.%fZ}"
    if not dry_run:
        directories.prepare(paths)
        with exclusive(paths.ledger.with_suffix(".lock")):
            _refuse_while_busy(paths)
            try:
                kept = _move_aside(paths, files, aside)
                for path, data in files.items():
                    make_directories(path.parent)
                    write_atomically(path, data, mode=None if path.exists() else PRIVATE)
            except OSError as error:
                raise StateError(
                    f"{error.filename}: {error.strerror}; the previous state is in {aside}"
                ) from error
    else:
        kept = any(path.exists() for path in files)
    return {
        "restored": sorted(str(path) for path in files),
        "created_at": manifest.created_at,
        "version": manifest.version,
        "kept": str(aside) if kept else None,
        "dry_run": dry_run,
    }


def _read(source: Path) -> dict[str, bytes]:
    try:
        with open(open_regular(source), "rb") as opened, tarfile.open(fileobj=opened, mode="r:gz") as archive:
            found = {}
            for entry in archive:
                file = archive.extractfile(entry) if entry.isfile() else None
                if file is not None:
                    found[entry.name] = file.read()
            return found
    except RefusedError as error:  # a FIFO would block
        raise ConfigError(str(error)) from None
    except (OSError, EOFError, tarfile.TarError) as error:
        raise ConfigError(f"{source}: {getattr(error, 'strerror', None) or error}") from None


def _manifest(source: Path, members: dict[str, bytes]) -> Manifest:
    try:
        manifest = msgspec.json.decode(members[MANIFEST], type=Manifest)
    except (KeyError, msgspec.MsgspecError):
        raise ConfigError(f"{source}: not a backup made by `scheduled state backup`") from None
    if manifest.format > FORMAT or LEDGER not in members:
        raise ConfigError(
            f"{source}: was written by the newer version {manifest.version} of scheduled; upgrade first"
        )
    return manifest


def _check_ledger(source: Path, data: bytes) -> None:
    """Open a temporary copy of the ledger; raise ConfigError if it is damaged, empty or of a newer version."""
    with tempfile.TemporaryDirectory(prefix="scheduled-restore-") as scratch:
        path = Path(scratch) / LEDGER
        path.write_bytes(data)
        try:
            with closing(sqlite3.connect(path)) as db:
                (version,) = db.execute("PRAGMA user_version").fetchone()
            with using(SqliteLedger(path)) as ledger:
                ledger.check()
        except (StateError, sqlite3.Error) as error:
            raise ConfigError(f"{source}: its ledger cannot be used: {error}") from None
    if version < 1:  # SQLite opens an empty file as an empty database
        raise ConfigError(f"{source}: its ledger is empty")


def _refuse_while_busy(paths: Paths) -> None:
    for path in paths.results.glob("*.jsonl") if paths.results.exists() else ():
        if is_held(path):
            raise BusyError(f"{path.stem}: this tick still runs jobs; retry when they have ended")


def _to_write(
    config_file: Path, paths: Paths, members: dict[str, bytes], *, with_config: bool
) -> dict[Path, bytes]:
    files = {paths.ledger: members[LEDGER]}
    files |= {paths.root / name: members[name] for name in (SNAPSHOT, OPENED) if name in members}
    if with_config:
        for name, data in members.items():
            place, _, file = name.removeprefix(CONFIG).rpartition("/")
            # Accept only the names that `backup` writes: another archive could use `../` to write anywhere.
            if name == f"{CONFIG}scheduled.toml":
                files[config_file] = data
            elif name.startswith(f"{CONFIG}jobs.d/") and place == "jobs.d" and file.endswith(".toml"):
                files[config_file.parent / "jobs.d" / file] = data
    return files


def _move_aside(paths: Paths, files: dict[Path, bytes], aside: Path) -> bool:
    """Move the current state and its write-ahead log to *aside*, and copy the configuration there.

    Return whether there was anything to move.
    """
    old = [
        paths.ledger,
        paths.ledger.with_name("ledger.db-wal"),
        paths.ledger.with_name("ledger.db-shm"),
        paths.snapshot,
        paths.root / OPENED,
    ]
    there = [path for path in {*old, *files} if path.exists()]
    if there:
        make_directories(aside)
    for path in there:
        if path in old:
            os.replace(path, aside / path.name)
        else:
            write_atomically(aside / path.name, path.read_bytes(), mode=PRIVATE)
    if there:
        sync_directory(aside)
    return bool(there)
