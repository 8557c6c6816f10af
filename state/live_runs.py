"""Runs that a tick still executes and that the ledger does not have: an older copy was put in its place meanwhile.

The generations do not show this before that tick publishes a snapshot. Its result file does: it is held as long as the
tick or its supervisor lives, and a run is claimed in the ledger before the file names it.
"""

from collections.abc import Iterator, Mapping
from contextlib import suppress

import msgspec

from scheduled.core.run_ids import LOST_UNTIL
from scheduled.errors import BusyError, StateError
from scheduled.paths import Paths
from scheduled.state.files import read_regular
from scheduled.state.ledger import Ledger
from scheduled.state.locks import is_held

NAMED = 3  # runs that the message names


class _Started(msgspec.Struct, frozen=True, tag="started"):
    """The part of a record of the same name (`execution.protocol`) that is needed here."""

    run_id: str
    at: float


_decode = msgspec.json.Decoder(_Started).decode


def started(paths: Paths) -> dict[str, float]:
    """Return the runs in the result files that are held, with the instants at which they started. Call it before the ledger is read."""
    found: dict[str, float] = {}
    for path in paths.results.glob("*.jsonl") if paths.results.exists() else ():
        with suppress(OSError, StateError):  # another tick has removed it; the next tick reports other errors
            if path.stat().st_size and is_held(path):
                found.update(_runs(read_regular(path)))
    return found


def _runs(data: bytes) -> Iterator[tuple[str, float]]:
    for line in data.split(b"\n")[:-1]:
        with suppress(ValueError, RecursionError):  # another record, or a damaged one
            record = _decode(line)
            yield record.run_id, record.at


def missing(ledger: Ledger, runs: Mapping[str, float]) -> list[str]:
    """Return those of *runs* that *ledger* has lost.

    Runs from before its last planning were pruned, and not lost; those from before a known loss are dealt with.
    """
    planned = ledger.meta("planned") if runs else None
    if planned is None:
        return []  # also a new ledger, after the user has removed the state
    known = max(int(planned), int(ledger.meta(LOST_UNTIL) or -1) + 1)  # whole seconds
    return [run_id for run_id, at in runs.items() if at >= known and ledger.run(run_id) is None]


def lost(paths: Paths, ledger: Ledger, runs: Mapping[str, float]) -> str:
    """Return the message that *ledger* has lost some of the *runs*, which are under way; "" if it has lost none."""
    names = missing(ledger, runs)
    return (
        f"{paths.ledger}: does not have the runs {some(names)}, which are under way: an older copy was put in its place"
        if names
        else ""
    )


def refuse(paths: Paths, ledger: Ledger, runs: Mapping[str, float]) -> None:
    """Raise BusyError if *ledger* has lost some of the *runs*: what is written to it now would be lost, too."""
    if text := lost(paths, ledger, runs):
        raise BusyError(f"{text}; retry when they have ended")


def some(names: list[str]) -> str:
    """Return the first few *names* for a message."""
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more
