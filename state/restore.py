"""Opening the ledger for writing: a damaged one is moved aside and reported, a lost one is restored from the snapshot."""

import os
import sqlite3
import stat
from datetime import UTC, datetime
from pathlib import Path

from scheduled.errors import StateError
from scheduled.paths import Paths
from scheduled.state import directories, snapshot
from scheduled.state.locks import exclusive
from scheduled.state.sqlite.errors import DamagedError, is_doubtful, suspicion
from scheduled.state.sqlite.ledger import SqliteLedger, using


def open_ledger(paths: Paths, now: float) -> tuple[SqliteLedger, list[str]]:
    """Return the ledger and what had to be repaired on the way, a line each.

    Raises StateError if it can't be opened or was written by a newer version; then nothing has changed.
    """
    directories.prepare(paths)
    snapshot.refuse_newer(paths.snapshot)
    repairs: list[str] = []
    ledger = _unsuspected(paths)
    if ledger is None:
        with exclusive(paths.root / "repair.lock"):
            ledger, repairs = _mended(paths, now)
    if ledger.is_new():
        repairs += _restore(ledger, paths)
    return ledger, repairs


def _unsuspected(paths: Paths) -> SqliteLedger | None:
    if suspicion(paths.ledger).exists() or _is_something_else(paths.ledger):
        return None
    try:
        return SqliteLedger(paths.ledger)
    except DamagedError:
        return None


def _is_something_else(path: Path) -> bool:
    """Return whether a directory, a FIFO or a device lies where there should be a file (or, refused later, a link)."""
    try:
        kind = stat.S_IFMT(path.lstat().st_mode)
    except OSError:
        return False
    return kind not in (stat.S_IFREG, stat.S_IFLNK)


def _mended(paths: Paths, now: float) -> tuple[SqliteLedger, list[str]]:
    """Open the ledger, after moving it aside if it is damaged (and no other process has done so meanwhile)."""
    repairs: list[str] = []
    try:
        _look_closely(paths)
    except DamagedError as error:
        repairs.append(f"{error}; moved aside to {_move_aside(paths, now)}")
    _drop_suspicion(suspicion(paths.ledger))
    return SqliteLedger(paths.ledger), repairs


def _drop_suspicion(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise StateError(f"{path}: {error.strerror}; remove it") from error


def _look_closely(paths: Paths) -> None:
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


def _move_aside(paths: Paths, now: float) -> str:
    stamp = f"{datetime.fromtimestamp(now, UTC):%Y%m%dT%H%M%SZ}"
    aside = f"{paths.ledger}.damaged-{stamp}"
    try:
        for suffix in ("", "-wal", "-shm"):
            if os.path.exists(f"{paths.ledger}{suffix}"):
                os.replace(f"{paths.ledger}{suffix}", f"{aside}{suffix}")
    except OSError as error:
        raise StateError(f"{paths.ledger}: damaged, and can't be moved aside: {error.strerror}") from error
    return aside


def _restore(ledger: SqliteLedger, paths: Paths) -> list[str]:
    """Give a new ledger what the snapshot remembers: positions, pauses, switches."""
    remembered, switches = snapshot.essentials(paths.snapshot), snapshot.switches(paths.snapshot)
    with ledger.transaction():
        if not ledger.is_new():
            return []  # another process has done it, or begun anew, meanwhile
        for job in remembered:
            if job.schedules:
                ledger.begin_epoch(job.key, job.schedules, job.position)
                ledger.succeeded(job.key, job.window_start)
        for key, enabled in switches.overridden.items():
            ledger.override(key, enabled)
        for key, until in switches.paused.items():
            ledger.pause(key, until)
    restored = [f"the positions of {len(remembered)} jobs"] * bool(remembered)
    restored += ["what was paused or switched by hand"] * bool(switches.overridden or switches.paused)
    if not restored:
        return []
    return [f"{paths.ledger}: was lost; {' and '.join(restored)} are restored from {paths.snapshot.name}"]
