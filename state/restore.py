"""Opening the ledger for writing: a damaged one is moved aside, a lost or rolled-back one is restored from the snapshot."""

import sqlite3
import stat
from pathlib import Path

from scheduled.core.run_ids import LOST_UNTIL
from scheduled.errors import StateError
from scheduled.paths import Paths
from scheduled.state import binding, directories, generation, live_runs
from scheduled.state.locks import exclusive
from scheduled.state.sqlite.errors import DamagedError, is_doubtful, suspicion
from scheduled.state.sqlite.ledger import SqliteLedger, converted_errors, using

WITH_LOG = ("", "-wal", "-shm")  # the suffixes of the database and of its write-ahead log


def open_ledger(paths: Paths, now: float) -> tuple[SqliteLedger, list[str]]:
    """Open the ledger, which is created if it does not exist; return it and one message for each repair.

    *now* is in UTC seconds. A damaged ledger is moved aside. A new ledger gets the positions, overrides, pauses and mutes of the
    snapshot, and so does one that was rolled back. Raise StateError, with nothing changed, if it can't be opened or was written by a newer version, and
    ForeignStateError if the state belongs to another configuration, and BusyError if a tick still executes runs that it does not have.
    """
    directories.prepare(paths)
    document, runs = generation.published(paths.snapshot), live_runs.started(paths)
    repairs: list[str] = []
    ledger = _open_if_sound(paths)
    if ledger is None:
        with exclusive(paths.root / "repair.lock"):
            ledger, repairs = _repaired(paths, now)
    try:
        with converted_errors(ledger):
            binding.refuse_foreign(ledger, paths)
            if ledger.is_new():
                repairs += _restore(ledger, paths, now)
            elif generation.is_ahead(document, ledger):
                repairs += _caught_up(ledger, paths, now)
            live_runs.refuse(paths, ledger, runs)
    except BaseException:
        ledger.close()
        raise
    paths.lost = None
    return ledger, repairs


def _open_if_sound(paths: Paths) -> SqliteLedger | None:
    """Open the ledger; return None if there is a sign of damage."""
    if suspicion(paths.ledger).exists() or _is_something_else(paths.ledger):
        return None
    try:
        return SqliteLedger(paths.ledger)
    except DamagedError:
        return None


def _is_something_else(path: Path) -> bool:
    """Return whether *path* is a directory, a FIFO, a socket or a device. A symbolic link is refused when it is opened."""
    try:
        kind = stat.S_IFMT(path.lstat().st_mode)
    except OSError:
        return False
    return kind not in (stat.S_IFREG, stat.S_IFLNK)


def _repaired(paths: Paths, now: float) -> tuple[SqliteLedger, list[str]]:
    """Open the ledger; move it aside first if it is damaged and no other process has done so already."""
    repairs: list[str] = []
    try:
        _check(paths)
    except DamagedError as error:
        from scheduled.state import aside  # only if the file is damaged

        repairs.append(f"{error}; moved aside to {aside.move(paths.ledger, now, WITH_LOG)}")
    _drop_suspicion(suspicion(paths.ledger))
    return SqliteLedger(paths.ledger), repairs


def _drop_suspicion(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise StateError(f"{path}: {error.strerror}; remove it") from error


def _check(paths: Paths) -> None:
    if _is_something_else(paths.ledger):
        raise DamagedError(f"{paths.ledger}: not a regular file")
    try:
        with using(SqliteLedger(paths.ledger)) as ledger:
            if suspicion(paths.ledger).exists():
                ledger.check()
    except StateError as error:
        if isinstance(error.__cause__, sqlite3.DatabaseError) and is_doubtful(error.__cause__):
            raise DamagedError(f"{paths.ledger}: damaged: {error.__cause__}") from error
        raise


def _caught_up(ledger: SqliteLedger, paths: Paths, now: float) -> list[str]:
    """Bring a rolled-back ledger up to the snapshot; return the message about it."""
    from scheduled.state import rollback  # only if the ledger was rolled back

    with ledger.transaction():
        document = generation.published(paths.snapshot)
        if not generation.is_ahead(document, ledger):
            return []  # another process did it in between
        rollback.refuse_while_busy(paths)
        return [rollback.catch_up(ledger, paths, document, now)]


def _restore(ledger: SqliteLedger, paths: Paths, now: float) -> list[str]:
    """Fill a new ledger from the snapshot; return a message if the snapshot had anything."""
    from scheduled.state.from_snapshot import fill  # only if the ledger is new

    with ledger.transaction():
        if not ledger.is_new():
            return []  # another process restored it, or registered jobs, in between
        restored = fill(ledger, paths)
        document = generation.published(paths.snapshot)
        if generation.is_ahead(
            document, ledger
        ):  # else the next process would take this ledger for a rolled-back one
            ledger.remember(generation.KEY, str(document[generation.KEY]))
        if restored:
            ledger.remember(LOST_UNTIL, str(int(now)))
    if not restored:
        return []
    return [f"{paths.ledger}: was lost; restored {' and '.join(restored)} from {paths.snapshot.name}"]
