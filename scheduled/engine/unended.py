"""The chains that a tick by hand began and could not run to their end: which step waits, and for what."""

from collections.abc import Iterable, Iterator

from scheduled.core.records import CHAIN
from scheduled.core.runs import UNDER_WAY, OpenRun
from scheduled.core.starts import Start
from scheduled.state.ledger import Ledger

RETRY = "waits for a retry"


def chains(ledger: Ledger, requested: Iterable[Start]) -> tuple[list[str], bool]:
    """Return a message for each chain of *requested* that has not ended, and whether a step of one is held back.

    A step that waits for a retry is not held back: it has run, and a later tick repeats it.
    """
    messages, held_back = [], False
    for start in requested:
        run = ledger.open_run(start.claim.run_id)
        if run is not None and run.tick == CHAIN:
            waiting = list(_waiting(ledger, run))
            held_back = held_back or not all(step.endswith(RETRY) for step in waiting)
            messages.append(
                f"{run.key.display_name}: has not ended: {'; '.join(waiting)}; a later tick continues it,"
                f" see `scheduled explain {run.job}`"
            )
    return messages, held_back


def _waiting(ledger: Ledger, chain: OpenRun) -> Iterator[str]:
    """Yield a text for each step of *chain*, and of the chains among its steps, that has not ended."""
    reasons = {row.key: row.open_reason for row in ledger.job_rows()}
    for row in ledger.start_requests():
        if row.parent == chain.run_id:
            reason = (reasons.get(row.key) or "queued").replace("_", " ")
            yield f"its step {row.key.display_name} has not started ({reason})"
    for run in ledger.open_runs():
        if run.parent == chain.run_id and run.tick == CHAIN:
            yield from _waiting(ledger, run)
        elif run.parent == chain.run_id:
            doing = "is still running" if run.status in UNDER_WAY else RETRY
            yield f"its step {run.key.display_name} {doing}"
