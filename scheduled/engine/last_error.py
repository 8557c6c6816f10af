"""What failed last, in a job or in a tick itself: the snapshot has it as `last_error`."""

from collections.abc import Sequence

import msgspec

from scheduled.advice import complete
from scheduled.core.events import Event
from scheduled.notify import problems
from scheduled.state.last_error import META, LastError
from scheduled.state.ledger import Meta


def note_failed(ledger: Meta, failed: Sequence[Event], now: float) -> None:
    """Record the last of the events `job_failed`, in the transaction that records the failure."""
    event = failed[-1]
    _remember(
        ledger,
        LastError(
            text=complete(problems.failed([event])[0]),
            at=now,
            job=str(event.payload["job"]),
            target=str(event.payload.get("target") or "") or None,
            run_id=str(event.payload["run_id"]),
        ),
    )


def note_tick(ledger: Meta, texts: Sequence[str], now: float) -> None:
    """Record the last of *texts*: what the tick could not do."""
    if texts:
        _remember(ledger, LastError(text=complete(texts[-1]), at=now))


def _remember(ledger: Meta, found: LastError) -> None:
    ledger.remember(META, msgspec.json.encode(found).decode())
