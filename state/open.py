"""Opening the ledger for reading: nothing is changed. For writing, see `restore`."""

from collections.abc import Iterator
from contextlib import contextmanager

from scheduled.errors import StateError
from scheduled.paths import Paths
from scheduled.state import directories
from scheduled.state.sqlite.errors import UnbornError
from scheduled.state.sqlite.ledger import SqliteLedger, using


@contextmanager
def read_only(paths: Paths) -> Iterator[SqliteLedger]:
    """Open the ledger for reading; where there is none yet, one that knows nothing and leaves no trace.

    Raises ConfigError if the user may not read the state, StateError if it can't be read for another reason.
    """
    with using(_open(paths) if exists(paths) else SqliteLedger.nothing()) as ledger:
        yield ledger


def exists(paths: Paths) -> bool:
    """Return whether there is a ledger; one that the very first tick is just making is none yet.

    Raises as `read_only` does.
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
    """Open the ledger for reading; raises StateError if there is none yet, and as `read_only` does.

    Where SQLite needs to write beside the ledger to read it, and can't, a copy is read; `paths.remarks` has the reason.
    """
    directories.refuse_unreadable(paths)
    if not paths.ledger.exists():
        raise StateError(f"{paths.ledger}: there is no ledger yet; the first `scheduled run` makes it")
    return _open(paths)


def _open(paths: Paths) -> SqliteLedger:
    ledger = SqliteLedger(paths.ledger, read_only=True)
    if ledger.remark and ledger.remark not in paths.remarks:
        paths.remarks.append(ledger.remark)
    return ledger
