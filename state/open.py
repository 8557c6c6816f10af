"""Opening the ledger for reading, without any change. To open it for writing, see `restore`."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from scheduled import clock, question
from scheduled.errors import ForeignStateError, ScheduledError, StateError
from scheduled.paths import Paths
from scheduled.state import binding, directories, generation, live_runs, snapshot
from scheduled.state.sqlite.errors import DamagedError, UnbornError
from scheduled.state.sqlite.ledger import SqliteLedger, closed_on_error, converted_errors, using

REPAIR = "the next tick moves it aside and restores it from the snapshot; `scheduled run` does so now"


@contextmanager
def read_only(paths: Paths) -> Iterator[SqliteLedger]:
    """Open the ledger for reading; if there is none, open in memory the one that the next tick creates.

    That one is empty, or restored from the snapshot if the ledger is lost or was rolled back; `paths.lost` is then the
    message about it.

    Raise ConfigError if the user may not read the state or it belongs to another configuration, StateError if the ledger
    can't be read for another reason, TooLongError if an interface asks and has used up its time.
    """
    question.check()
    try:
        with using(_open(paths) if exists(paths) else _foreseen(paths)) as ledger:
            yield ledger
    except DamagedError as error:
        raise DamagedError(f"{error}; {REPAIR}") from error


def _foreseen(paths: Paths) -> SqliteLedger:
    from scheduled.state.from_snapshot import foreseen  # only if there is no ledger

    ledger = foreseen(paths)
    with closed_on_error(ledger):
        binding.refuse_foreign(ledger, paths)
    return ledger


def exists(paths: Paths) -> bool:
    """Return whether the ledger exists. A file that the first tick is still creating does not count.

    Raise as `read_only` does.
    """
    directories.refuse_unreadable(paths)
    if not paths.ledger.exists():
        return False
    if paths.snapshot.exists():
        return True
    try:
        _open(paths).close()
    except UnbornError:
        return False
    return True


def open_existing(paths: Paths) -> SqliteLedger:
    """Open the ledger for reading. Raise StateError if it does not exist yet, otherwise as `read_only` does.

    If SQLite can't write the files that it needs to read the ledger, a copy is opened, and the reason is appended to
    `paths.remarks`.
    """
    directories.refuse_unreadable(paths)
    if not paths.ledger.exists():
        _foreseen(paths).close()
        raise StateError(paths.lost or f"{paths.ledger}: does not exist yet; `scheduled run` creates it")
    return _open(paths)


def refuse_foreign(paths: Paths) -> None:
    """Raise ForeignStateError if the state belongs to another configuration. A ledger that can't be read is not checked."""
    try:
        if exists(paths):
            _open(paths).close()
    except ForeignStateError:
        raise
    except ScheduledError:
        return


def _open(paths: Paths) -> SqliteLedger:
    paths.lost = None
    # These are read first: a tick in between would make them newer than the ledger that is read.
    runs = live_runs.started(paths)
    is_of = generation.is_of(paths.snapshot)
    document = {} if is_of else generation.published(paths.snapshot, snapshot.read)
    ledger = SqliteLedger(paths.ledger, read_only=True)
    try:
        with converted_errors(ledger):
            binding.refuse_foreign(ledger, paths)
            if generation.is_ahead(document, ledger):
                return _caught_up(ledger, paths, document)
            if text := live_runs.lost(paths, ledger, runs):
                paths.lost = f"{text}; commands are refused until they have ended"
    except BaseException:
        ledger.close()
        raise
    if ledger.remark and ledger.remark not in paths.remarks:
        paths.remarks.append(ledger.remark)
    return ledger


def _caught_up(ledger: SqliteLedger, paths: Paths, document: Mapping[str, Any]) -> SqliteLedger:
    """Return, in memory, the rolled-back *ledger* as the next tick makes it, and note that in `paths.lost`."""
    from scheduled.state import rollback  # only if the ledger was rolled back

    with using(ledger):
        copy = ledger.in_memory()
        with closed_on_error(copy):
            message = rollback.catch_up(copy, paths, document, clock.now())
    paths.lost = f"{message}; the next tick writes this to the ledger; `scheduled run` runs one now"
    return copy
