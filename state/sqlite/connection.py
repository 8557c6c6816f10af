"""Connections to the file of a ledger: to write it, to read it, and to read a copy where reading needs to write."""

import os
import sqlite3
from contextlib import suppress
from pathlib import Path

from scheduled.errors import StateError
from scheduled.state.files import no_room
from scheduled.state.locks import exclusive, refuse_without_locks
from scheduled.state.sqlite import errors
from scheduled.state.sqlite.errors import NEEDS_TO_WRITE, named_errors

NOWHERE = Path(":memory:")
SUFFIXES = ("", "-wal")
TRIES_TO_COPY = 5
MEMORY = "/dev/shm"  # noqa: S108 - has room where the disk has none, /tmp included; we make a private directory in it


def connect(path: Path) -> sqlite3.Connection:
    """Open the ledger at *path* for writing, and make it if there is none; raises StateError."""
    if path == NOWHERE:
        return sqlite3.connect(path, isolation_level=None)
    with named_errors(path):
        # SQLite would create it, and its log, with the umask's rights.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600))
        refuse_without_locks(path.with_suffix(".lock"))
        return _opened(f"{path.absolute().as_uri()}?mode=rw", path)


def connect_to_read(path: Path) -> tuple[sqlite3.Connection, str | None]:
    """Open a ledger for reading. Returns, too, why a copy of it was opened instead, if so."""
    with named_errors(path):
        try:
            return _opened(_uri_to_read(path)), None
        except sqlite3.OperationalError as error:
            if getattr(error, "sqlite_errorcode", 0) & 0xFF not in NEEDS_TO_WRITE:
                raise
            reason = no_room(path.parent) or f"{path.parent} can't be written: {error}"
        return _copied(path, reason), f"{reason}; nothing new is recorded"


def _opened(uri: str, to_write: Path | None = None) -> sqlite3.Connection:
    db = sqlite3.connect(uri, uri=True, isolation_level=None, timeout=errors.BUSY_SECONDS)
    try:
        if to_write is not None:
            _write_ahead(db, to_write)
            db.execute("PRAGMA synchronous = FULL")
        db.execute("PRAGMA schema_version")
    except BaseException:
        db.close()
        raise
    return db


def _copied(path: Path, reason: str) -> sqlite3.Connection:
    """Open a copy elsewhere: SQLite reads a write-ahead log with the help of an index that it writes beside it.

    Raises StateError, with the *reason* why the ledger itself can't be opened, if there is no room for a copy either.
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
    """Open a copy in *place*, by default the directory for temporary files; raises StateError if the ledger changes."""
    import shutil
    import tempfile

    for _ in range(TRIES_TO_COPY):
        with tempfile.TemporaryDirectory(prefix="scheduled-", dir=place) as aside:
            copy, before = Path(aside) / path.name, _fingerprints(path)
            for suffix in SUFFIXES:
                with suppress(FileNotFoundError):
                    shutil.copyfile(f"{path}{suffix}", f"{copy}{suffix}")
            if _fingerprints(path) == before:
                return _opened(_uri_to_read(copy))  # its files are open; their names may go
    raise StateError(f"{path}: is being written; try again")


def _fingerprints(path: Path) -> list[tuple[int, int, int] | None]:
    """Return what changes when the ledger or its log is written."""
    found: list[tuple[int, int, int] | None] = []
    for suffix in SUFFIXES:
        try:
            seen = os.stat(f"{path}{suffix}")
            found.append((seen.st_ino, seen.st_size, seen.st_mtime_ns))
        except FileNotFoundError:
            found.append(None)
    return found


def _write_ahead(db: sqlite3.Connection, path: Path) -> None:
    """Switch to the write-ahead log. The one thing for which SQLite waits for nobody, so we do."""
    if db.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
        with exclusive(path.with_suffix(".lock")):
            db.execute("PRAGMA journal_mode = WAL")


def _uri_to_read(path: Path) -> str:
    # With no log there is no writer, and looking need leave no trace (not even an empty log) behind.
    quiet = not path.with_name(f"{path.name}-wal").exists()
    return f"{path.absolute().as_uri()}?mode=ro" + ("&immutable=1" if quiet else "")
