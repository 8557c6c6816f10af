"""Connections to the ledger's file: to write it, to read it, or to read a copy if SQLite can't write next to it."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from scheduled import question
from scheduled.errors import StateError
from scheduled.state.files import sync_directory
from scheduled.state.locks import exclusive, refuse_without_locks
from scheduled.state.sqlite import errors
from scheduled.state.sqlite.errors import NEEDS_TO_WRITE, named_errors

NOWHERE = Path(":memory:")
SUFFIXES = ("", "-wal")
COPY_ATTEMPTS = 5
NEXT_GENERATION = """
    INSERT INTO meta VALUES ('generation', '1') ON CONFLICT (key) DO UPDATE SET value = CAST(value AS INTEGER) + 1
"""
STEPS_BETWEEN_CHECKS = 10_000  # of SQLite's virtual machine: less than a millisecond
MEMORY = "/dev/shm"  # noqa: S108 - has space when all disks are full; the copy is in a private directory


def connect(path: Path) -> sqlite3.Connection:
    """Open the ledger at *path* for writing; create it if it is missing. Raise StateError if that fails."""
    if path == NOWHERE:
        return sqlite3.connect(path, isolation_level=None)
    with named_errors(path):
        # Created here, because SQLite would give it and its log the mode of the umask.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600))
        refuse_without_locks(path.with_suffix(".lock"))
        return _opened(f"{path.absolute().as_uri()}?mode=rw", path)


def connect_to_read(path: Path) -> tuple[sqlite3.Connection, str | None]:
    """Open the ledger at *path* for reading; return the connection, and why it is one to a copy (None: it is not).

    Raise StateError if neither the ledger nor a copy can be read.
    """
    with named_errors(path):
        try:
            return _opened(_uri_to_read(path)), None
        except sqlite3.OperationalError as error:
            if getattr(error, "sqlite_errorcode", 0) & 0xFF not in NEEDS_TO_WRITE:
                raise
            from scheduled.state.space import full_or_read_only  # rarely needed

            reason = full_or_read_only(path.parent) or f"{path.parent} can't be written: {error}"
        return _copied(path, reason), f"{reason}; nothing new is recorded"


def _opened(uri: str, to_write: Path | None = None) -> sqlite3.Connection:
    db = sqlite3.connect(uri, uri=True, isolation_level=None, timeout=errors.BUSY_SECONDS)
    try:
        if to_write is not None:
            _write_ahead(db, to_write)
            sync_with(db, "FULL")
        else:
            # A read of many rows ends with SQLITE_INTERRUPT when the question of an interface has used up its time.
            db.set_progress_handler(question.is_over, STEPS_BETWEEN_CHECKS)
        db.execute("PRAGMA schema_version")
    except BaseException:
        db.close()
        raise
    return db


def _copied(path: Path, reason: str) -> sqlite3.Connection:
    """Open a copy of the ledger: to read a write-ahead log, SQLite must write an index file next to it.

    *reason* is why the ledger itself can't be opened. Raise StateError, with it, if there is no space for a copy.
    """
    for place in (None, MEMORY):
        try:
            return _copied_to(place, path)
        except OSError as error:
            failure = error
    raise StateError(
        f"{path}: can't be read: {reason}, and no copy can be made: {failure.strerror}"
    ) from failure


def _copied_to(place: str | None, path: Path) -> sqlite3.Connection:
    """Open a copy in *place* (None: the directory for temporary files). Raise StateError if the ledger keeps changing."""
    import shutil
    import tempfile

    for _ in range(COPY_ATTEMPTS):
        with tempfile.TemporaryDirectory(prefix="scheduled-", dir=place) as aside:
            copy, before = Path(aside) / path.name, _fingerprints(path)
            for suffix in SUFFIXES:
                with suppress(FileNotFoundError):
                    shutil.copyfile(f"{path}{suffix}", f"{copy}{suffix}")
            if _fingerprints(path) == before:
                return _opened(_uri_to_read(copy))  # open files stay readable when the directory is removed
    raise StateError(f"{path}: other processes keep writing it; run the command again")


def _fingerprints(path: Path) -> list[tuple[int, int, int] | None]:
    """Return values that change when the ledger or its write-ahead log is written."""
    found: list[tuple[int, int, int] | None] = []
    for suffix in SUFFIXES:
        try:
            seen = os.stat(f"{path}{suffix}")
            found.append((seen.st_ino, seen.st_size, seen.st_mtime_ns))
        except FileNotFoundError:
            found.append(None)
    return found


def _write_ahead(db: sqlite3.Connection, path: Path) -> None:
    """Switch the database to write-ahead logging. The lock is needed because SQLite does not wait here if it is busy."""
    if db.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
        with exclusive(path.with_suffix(".lock")):
            db.execute("PRAGMA journal_mode = WAL")


def sync_with(db: sqlite3.Connection, level: str) -> None:
    """Choose when SQLite syncs: OFF for never, NORMAL for when it writes the log back, FULL for also at each commit."""
    # It takes effect when it is compiled; `execute` would find it among the compiled statements the next time.
    db.executescript(f"PRAGMA synchronous = {level}")


@contextmanager
def committed(db: sqlite3.Connection) -> Iterator[None]:
    """Enter a transaction of *db*; an exception rolls it back."""
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        with suppress(sqlite3.Error):  # SQLite rolls back by itself if the disk is full
            db.execute("ROLLBACK")
        raise
    db.execute("COMMIT")


def begin_log(db: sqlite3.Connection, path: Path) -> None:
    """Write the head of the write-ahead log of *path*, if the log is empty; the sync of the next commit covers it.

    SQLite would sync the head before it writes anything after it, because the log may have records of its last use,
    and a power cut must not leave them behind a new head, or new ones behind an old head. An empty log has none.
    """
    sync_with(db, "OFF")
    try:
        with committed(db):  # no other process writes to the log now
            if not _log_size(path):
                db.execute(NEXT_GENERATION)  # some change: without one SQLite writes nothing
    finally:
        sync_with(db, "FULL")


def sync_log(path: Path) -> None:
    """Sync the write-ahead log of *path*, if there is one. Raise StateError if that fails."""
    with named_errors(_log_of(path)), suppress(FileNotFoundError):
        # SQLite has its locks on other files, so none is released when this one is closed.
        fd = os.open(_log_of(path), os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)
        sync_directory(path.parent)


def _log_size(path: Path) -> int:
    try:
        return os.stat(_log_of(path)).st_size
    except FileNotFoundError:
        return 0


def _log_of(path: Path) -> Path:
    return path.with_name(f"{path.name}-wal")


def _uri_to_read(path: Path) -> str:
    # Without a log there is no writer. `immutable` then avoids that a read leaves an empty log behind.
    quiet = not _log_of(path).exists()
    return f"{path.absolute().as_uri()}?mode=ro" + ("&immutable=1" if quiet else "")
