"""The outbox: notices that are decided and not delivered yet; each is delivered at least once."""

from collections.abc import Callable

from scheduled.core.records import OutboxItem
from scheduled.notify.routes.base import Route
from scheduled.schedules.zones import DAY, MINUTE, Instant
from scheduled.state.ledger import Ledger

FIRST_RETRY = 5 * MINUTE


def notice_id(*parts: str) -> str:
    """Return the id by which a notice is recognised when it is delivered a second time."""
    from hashlib import sha256

    return sha256("\0".join(parts).encode()).hexdigest()[:32]


def deliver(ledger: Ledger, open_route: Callable[[], Route], now: Instant) -> list[str]:
    """Deliver what the outbox holds and is due at *now*; return what went wrong, a line for each notice that stays.

    *open_route* is called only if something is due.
    """
    due = [item for item in ledger.outbox() if item.next_try <= now]
    if not due:
        return []
    route = open_route()
    troubles = [trouble for item in due if (trouble := _deliver(ledger, route, item, now)) is not None]
    if len(troubles) < len(due):
        route.finish()
    return troubles


def _deliver(ledger: Ledger, route: Route, item: OutboxItem, now: Instant) -> str | None:
    """Deliver one notice and note in the ledger what became of it; return what went wrong, if anything did."""
    try:
        route.deliver(item)
    except Exception as error:  # noqa: BLE001 - one undeliverable notice must not hold up the others
        with ledger.transaction():
            ledger.undelivered(item.id, now + _pause(item.tries), str(error))
        return f"{item.notice.recipient}: {item.notice.subject!r} not delivered: {error}"
    with ledger.transaction():
        ledger.delivered(item.id)
    return None


def _pause(tries: int) -> int:
    return int(min(DAY, FIRST_RETRY * 2 ** min(tries, 16)))
