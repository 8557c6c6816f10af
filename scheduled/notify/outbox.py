"""Deliver the notices in the outbox, each at least once."""

from collections.abc import Callable

from scheduled.core.records import OutboxItem
from scheduled.notify.routes.base import Route
from scheduled.schedules.zones import DAY, MINUTE, Instant
from scheduled.state.ledger import Ledger

FIRST_RETRY = 5 * MINUTE


def notice_id(*parts: str) -> str:
    """Return the id of a notice; a route recognises a repeated delivery by it."""
    from hashlib import sha256

    return sha256("\0".join(parts).encode()).hexdigest()[:32]


def deliver(ledger: Ledger, open_route: Callable[[], Route], now: Instant) -> list[str]:
    """Deliver the notices that are due at *now*; return one error message for each that could not be delivered.

    *open_route* is called only if a notice is due.
    """
    due = [item for item in ledger.outbox() if item.next_try <= now]
    if not due:
        return []
    route = open_route()
    errors = [error for item in due if (error := _deliver(ledger, route, item, now)) is not None]
    if len(errors) < len(due):
        route.finish()
    return errors


def _deliver(ledger: Ledger, route: Route, item: OutboxItem, now: Instant) -> str | None:
    """Deliver one notice and record in the ledger whether it was delivered; return an error message if not."""
    try:
        route.deliver(item)
    except Exception as error:  # noqa: BLE001 - one undeliverable notice must not block the others
        with ledger.transaction():
            ledger.undelivered(item.id, now + _pause(item.tries), str(error))
        return f"{item.notice.recipient}: {item.notice.subject!r} not delivered: {error}"
    with ledger.transaction():
        ledger.delivered(item.id)
    return None


def _pause(tries: int) -> int:
    return int(min(DAY, FIRST_RETRY * 2 ** min(tries, 16)))
