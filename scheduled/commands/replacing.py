"""Replacing the files of state and configuration by those of a backup, so that no crash and no full disk loses any.

The order: refuse what is not a file; write the new configuration beside the current one; bring the write-ahead log into
the current ledger; keep copies of all files; only then remove and replace. A ledger is never without its transactions.
"""

import errno
import os
import shutil
import sqlite3
import stat
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from scheduled import clock
from scheduled.commands.archive import CONFIG, JOBS, OPENED
from scheduled.errors import BusyError, ConfigError, StateError
from scheduled.paths import Paths
from scheduled.state import snapshot_journal
from scheduled.state.beneath import Place, holding, located
from scheduled.state.files import (
    clear_leftovers,
    make_directories,
    refuse_planted,
    sync_directory,
    temporary,
)
from scheduled.state.sqlite.errors import is_doubtful

PRIVATE = 0o600
LOGS = ("-wal", "-shm")  # of the ledger
PATIENCE = 30  # seconds to wait for a program that reads the ledger


def refuse_irregular(paths: Iterable[Path]) -> None:
    """Raise ConfigError for a path that exists, but is neither a regular file nor a link to one, nor a dangling link."""
    for path in paths:
        with suppress(FileNotFoundError):
            if not stat.S_ISREG(path.stat().st_mode):
                raise ConfigError(f"{path}: not a regular file; nothing was restored: move it away")


def state_files(paths: Paths) -> list[Path]:
    """Return the paths of the files of the state that a restore replaces."""
    journal = snapshot_journal.path_of(paths.snapshot)
    return [paths.ledger, *_logs(paths), paths.snapshot, journal, paths.root / OPENED]


def replace(paths: Paths, places: Mapping[Path, Path], removed: list[Path]) -> Path | None:
    """Put the unpacked files in their *places* and remove others; return where the current ones are kept, if any.

    The caller holds the locks of ledger and snapshot. Raise StateError; its message is whether anything was restored.
    """
    aside = paths.backups / f"before-restore-{datetime.fromtimestamp(clock.now(), UTC):%Y%m%dT%H%M%S.%fZ}"
    state, config = (
        {place: new for place, new in places.items() if (place in state_files(paths)) == is_state}
        for is_state in (True, False)
    )
    with ExitStack() as staged:
        with _untouched(aside):
            new = [staged.enter_context(_staged(place, config[place])) for place in sorted(config)]
            _end_log(paths.ledger)
            kept = _keep(paths, [*config, *removed], aside)
        try:
            _replace_state(paths, state)
            for place, temp in new:
                place.take(temp)
                os.fsync(place.directory)
            for path in removed:
                path.unlink()
        except OSError as error:
            raise StateError(
                f"{error.filename or paths.root}: {error.strerror}; the previous state is in {aside}"
            ) from error
    return aside if kept else None


@contextmanager
def _untouched(aside: Path) -> Iterator[None]:
    """Convert an OSError of the preparations, and remove the incomplete copies *aside*: nothing was replaced."""
    try:
        yield
    except OSError as error:
        shutil.rmtree(aside, ignore_errors=True)
        reason = f"{error.filename or aside.parent}: {error.strerror}" if error.strerror else str(error)
        raise StateError(f"{reason}; nothing was restored") from error


@contextmanager
def _staged(path: Path, unpacked: Path) -> Iterator[tuple[Place, str]]:
    """Write the new content of a file of the configuration beside it; yield its place and the temporary name.

    The file will keep its owner, its mode and links to it. A dangling link will be replaced.
    """
    with ExitStack() as opened:
        try:
            make_directories(path.parent)
            refuse_planted(path)
            place = opened.enter_context(located(path) if path.exists() else _itself(path))
            clear_leftovers(place.directory)
            mode = None if path.exists() else PRIVATE
            temp = opened.enter_context(temporary(place, [unpacked.read_bytes()], mode=mode))
        except OSError as error:
            if error.filename is None and error.strerror is not None:
                error.filename = str(path.parent)
            raise
        yield place, temp


@contextmanager
def _itself(path: Path) -> Iterator[Place]:
    with holding(path.parent) as directory:
        yield Place(directory, path.name, str(path))


def _end_log(ledger: Path) -> None:
    """Bring the write-ahead log into the current ledger, which needs no log then. A damaged one stays as it is."""
    if ledger.is_symlink() or not ledger.is_file():
        return
    try:
        uri = f"{ledger.as_uri()}?mode=rw"
        with closing(sqlite3.connect(uri, uri=True, isolation_level=None, timeout=PATIENCE)) as db:
            (busy, _, _) = db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    except sqlite3.DatabaseError as error:
        if is_doubtful(error):
            return
        busy = getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_BUSY
        if not busy:
            raise StateError(f"{ledger}: {error}; nothing was restored") from error
    if busy:
        raise BusyError(f"{ledger}: another program reads it; nothing was restored: retry when it has ended")


def _replace_state(paths: Paths, state: Mapping[Path, Path]) -> None:
    """Replace the state. No snapshot is beside a ledger that it was not made from."""
    paths.snapshot.unlink(missing_ok=True)
    snapshot_journal.remove(paths.snapshot)
    sync_directory(paths.root)
    for path in _logs(paths):
        path.unlink(missing_ok=True)  # empty, or of a damaged ledger
    for place in sorted(state, key=lambda place: place != paths.ledger):
        _put(state[place], place)
    if paths.root / OPENED not in state:
        (paths.root / OPENED).unlink(missing_ok=True)


def _logs(paths: Paths) -> list[Path]:
    return [paths.ledger.with_name(f"{paths.ledger.name}{suffix}") for suffix in LOGS]


def _keep(paths: Paths, replaced: list[Path], aside: Path) -> bool:
    """Copy the state and the *replaced* files of the configuration to the directory *aside*; return whether there were any.

    The directory has the names of an archive.
    """
    names = {path: path.name for path in state_files(paths)}
    for path in replaced:
        names[path] = f"{JOBS}{path.name}" if path.parent.name == "jobs.d" else CONFIG
    found = {path: aside / name for path, name in names.items() if os.path.lexists(path)}
    for path, copy in found.items():
        make_directories(copy.parent)
        _copy(path, copy)
    for directory in {copy.parent for copy in found.values()}:
        sync_directory(directory)
    return bool(found)


def _copy(path: Path, copy: Path) -> None:
    """Copy a file; of a dangling link, the link. No hard link: a tick changes the ledger in place until it is replaced."""
    if not path.exists():
        copy.symlink_to(os.readlink(path))
        return
    with (
        path.open("rb") as file,
        open(os.open(copy, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE), "wb") as target,
    ):
        shutil.copyfileobj(file, target)
        target.flush()
        os.fsync(target.fileno())


def _put(unpacked: Path, place: Path) -> None:
    """Put an unpacked file of the state in its place, atomically."""
    with unpacked.open("rb") as file:
        os.fsync(file.fileno())
    try:
        os.replace(unpacked, place)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        with (
            located(place) as there,
            temporary(there, [], mode=PRIVATE) as temp,
            unpacked.open("rb") as file,
            open(there.beside(temp).open(os.O_WRONLY), "wb") as target,
        ):
            shutil.copyfileobj(file, target)
            target.flush()
            os.fsync(target.fileno())
            there.take(temp)
    sync_directory(place.parent)
