"""Looking at what is configured and known, and saying instants: what every answer is made with."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from scheduled import clock
from scheduled.config import Config
from scheduled.errors import StateError, UnknownError
from scheduled.state.paths import Paths
from scheduled.state.sqlite import SqliteLedger, UnbornError, using


def stamp(instant: float | None, zone: str) -> str | None:
    """Return an instant as people and programs read it, or None."""
    return None if instant is None else clock.local(instant, zone).isoformat()


def known_jobs(found: Config, names: Sequence[str]) -> list[str]:
    """Return *names* if they are all jobs; raises UnknownError naming the first that is not, with the nearest."""
    for name in names:
        if name not in found.jobs:
            import difflib

            near = difflib.get_close_matches(name, found.jobs, n=1)
            raise UnknownError(f"no such job: {name}" + (f"; did you mean {near[0]}?" if near else ""))
    return list(dict.fromkeys(names))


@contextmanager
def looking(paths: Paths) -> Iterator[SqliteLedger]:
    """Open the ledger for looking only; where there is none yet, one that knows nothing and leaves no trace."""
    ledger = read_ledger(paths) if begun(paths) else SqliteLedger.nothing()
    with using(ledger):
        yield ledger


def begun(paths: Paths) -> bool:
    """Return whether there is a ledger; one that the very first tick is just making is none yet."""
    if not paths.ledger.exists():
        return False
    if paths.snapshot.exists():
        return True
    try:
        SqliteLedger(paths.ledger, read_only=True).close()
    except UnbornError:
        return False
    return True


def read_ledger(paths: Paths) -> SqliteLedger:
    """Open the ledger for looking only; raises StateError if there is none yet."""
    if not paths.ledger.exists():
        raise StateError(f"{paths.ledger}: there is no ledger yet; the first `scheduled run` makes it")
    return SqliteLedger(paths.ledger, read_only=True)
