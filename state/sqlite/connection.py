"""Connections to the ledger's file: to write it, to read it, or to read a copy if SQLite can't write next to it."""

import os
import sqlite3
from contextlib import suppress
from pathlib import Path

from scheduled import question
from scheduled.errors import StateError
from scheduled.state.locks import exclusive, refuse_without_locks
from scheduled.state.sqlite import errors
from scheduled.state.sqlite.errors import NEEDS_TO_WRITE, named_errors

NOWHERE = Path(":memory:")
SUFFIXES = ("", "-wal")
COPY_ATTEMPTS = 5
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
            db.execute("PRAGMA synchronous = FULL")
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


def _uri_to_read(path: Path) -> str:
    # Without a log there is no writer. `immutable` then avoids that a read leaves an empty log behind.
    quiet = not path.with_name(f"{path.name}-wal").exists()
    return f"{path.absolute().as_uri()}?mode=ro" + ("&immutable=1" if quiet else "")
