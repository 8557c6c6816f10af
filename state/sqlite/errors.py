"""Errors of the ledger's file, as one-line messages that name it: damage, shortages, locks of other programs."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from scheduled import question
from scheduled.errors import BusyError, ScheduledError, StateError

# In WAL mode readers don't block writers, and this program's writers queue on a separate lock. So this only limits the
# wait for other programs, such as a sqlite3 shell. It is so long because libfaketime shortens it in tests.
BUSY_SECONDS = 600
# Errors that remain when the disk has space again and no lock is held: the file may be damaged. SQLITE_OK is the code of
# an error that Python raised while it converted a value.
DOUBTFUL = frozenset(
    {
        sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR, sqlite3.SQLITE_INTERNAL,
        sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_MISMATCH, sqlite3.SQLITE_SCHEMA, sqlite3.SQLITE_OK,
    }
)  # fmt: skip
# Errors of SQLite if it can't write the index file that it needs to read a write-ahead log.
NEEDS_TO_WRITE = frozenset(
    {sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_FULL, sqlite3.SQLITE_READONLY}
)


class UnbornError(StateError):
    """The file exists, but the first tick has not created its tables yet."""


class DamagedError(StateError):
    """The file is damaged: it is not a valid ledger any more."""


def suspicion(path: Path) -> Path:
    """Return the path of the marker file: it exists if a process found signs of damage in the ledger at *path*."""
    return path.with_name(f"{path.name}.suspect")


def suspect(path: Path) -> None:
    """Create the marker file, so that the next process that opens the ledger at *path* for writing checks it."""
    with suppress(OSError):
        suspicion(path).touch(mode=0o600)


@contextmanager
def named_errors(path: Path) -> Iterator[None]:
    """Convert errors of SQLite and the system to a ScheduledError with a message of one line that names *path*."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        raise as_scheduled_error(error, path) from error
    except UnicodeDecodeError as error:  # an error message of SQLite can quote damaged text
        suspect(path)
        raise DamagedError(f"{path}: damaged: {error}") from error
    except OSError as error:
        raise StateError(f"{error.filename or path}: {error.strerror}") from error


def as_scheduled_error(error: sqlite3.DatabaseError, path: Path) -> ScheduledError:
    """Convert *error* of SQLite to the ScheduledError to raise: BusyError, DamagedError, TooLongError or StateError.

    If the file may be damaged, create its marker file.
    """
    if getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_BUSY:
        return BusyError(
            f"{path}: another program has held the ledger for {BUSY_SECONDS} s; close the ledger in that program"
        )
    if getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_INTERRUPT:
        return question.too_long()
    if is_doubtful(error):
        suspect(path)
    if is_damage(error):
        return DamagedError(f"{path}: damaged: {error}")
    may_be_full = getattr(error, "sqlite_errorcode", 0) & 0xFF in NEEDS_TO_WRITE
    if not may_be_full:
        return StateError(f"{path}: cannot be read or written: {error}")
    from scheduled.state.space import full_or_read_only  # rarely needed

    reason = full_or_read_only(path.parent) or str(error)
    return StateError(f"{path}: cannot be read or written: {reason}")


def is_damage(error: sqlite3.DatabaseError) -> bool:
    """Return whether *error* of SQLite means that the content of the file is damaged."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def is_doubtful(error: sqlite3.DatabaseError) -> bool:
    """Return whether *error* of SQLite may mean damage, such as a missing table or an invalid JSON document."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in DOUBTFUL
