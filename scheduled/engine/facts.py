"""What is recorded of events in the transaction that they follow from, so that no crash loses it."""

from collections.abc import Sequence

from scheduled import clock
from scheduled.core.events import Event
from scheduled.engine.runtime import Runtime
from scheduled.state.ledger import Ledger


def note(ledger: Ledger, runtime: Runtime, events: Sequence[Event]) -> None:
    """Record, in the caller's transaction, the last error among *events*, and which heartbeats are to be sent."""
    if failed := [event for event in events if event.name == "job_failed"]:
        from scheduled.engine import last_error

        last_error.note_failed(ledger, failed, clock.now())
    if runtime.pings is not None:
        runtime.pings.note(ledger, events)
