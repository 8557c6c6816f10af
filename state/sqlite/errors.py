"""What goes wrong with the file of a ledger: damage, shortage, another program; each named, with the file."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from scheduled.errors import BusyError, ScheduledError, StateError
from scheduled.state.files import no_room

# Readers never block writers in WAL mode and our writers queue on a lock of their own, so this bounds only
# strangers (a person's sqlite3 shell); libfaketime shortens it in tests, hence the size.
BUSY_SECONDS = 600
# What does not pass when the disk has room again and everybody else is done; OK: it was Python that could not read it.
DOUBTFUL = frozenset(
    {
        sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR, sqlite3.SQLITE_INTERNAL,
        sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_MISMATCH, sqlite3.SQLITE_SCHEMA, sqlite3.SQLITE_OK,
    }
)  # fmt: skip
# SQLite's errors where it can't write the index that it needs to read.
NEEDS_TO_WRITE = frozenset(
    {sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_FULL, sqlite3.SQLITE_READONLY}
)


class UnbornError(StateError):
    """The file is there, and nothing in it yet."""


class DamagedError(StateError):
    """The file is no ledger any more."""


def suspicion(path: Path) -> Path:
    """Return the file that says, by being there, that somebody has met damage in the ledger at *path*."""
    return path.with_name(f"{path.name}.suspect")


def suspect(path: Path) -> None:
    """Have the next one who opens the ledger at *path* look closely at it."""
    with suppress(OSError):
        suspicion(path).touch(mode=0o600)  # whoever opens it next looks closely


@contextmanager
def named_errors(path: Path) -> Iterator[None]:
    """Turn what SQLite and the system say into one line that names the file."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        raise as_scheduled_error(error, path) from error
    except UnicodeDecodeError as error:  # SQLite quotes the file in what it says of it
        suspect(path)
        raise DamagedError(f"{path}: damaged: {error}") from error
    except OSError as error:
        raise StateError(f"{error.filename or path}: {error.strerror}") from error


def as_scheduled_error(error: sqlite3.DatabaseError, path: Path) -> ScheduledError:
    """Return what SQLite's *error* about the file *path* means, as one line that names it."""
    if getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_BUSY:
        return BusyError(f"{path}: another program has held the ledger for {BUSY_SECONDS} s; close it there")
    if is_doubtful(error):
        suspect(path)
    if is_damage(error):
        return DamagedError(f"{path}: damaged: {error}")
    starved = getattr(error, "sqlite_errorcode", 0) & 0xFF in NEEDS_TO_WRITE
    reason = (starved and no_room(path.parent)) or str(error)
    return StateError(f"{path}: cannot be recorded: {reason}")


def is_damage(error: sqlite3.DatabaseError) -> bool:
    """Return whether SQLite's *error* means that the file's contents are bad, not that it can't be written now."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def is_doubtful(error: sqlite3.DatabaseError) -> bool:
    """Return whether *error* may mean that: a table, a JSON document, an index that was there is none any more."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in DOUBTFUL
