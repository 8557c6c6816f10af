"""Deliver the notices in the outbox, each at least once, unless it can never be delivered."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from scheduled.core.conditions import Notice
from scheduled.core.records import OutboxItem
from scheduled.schedules.zones import DAY, MINUTE, Instant
from scheduled.state.ledger import Conditions, Ledger

if TYPE_CHECKING:
    from scheduled.notify.routes.base import Route

FIRST_RETRY = 5 * MINUTE
MOST = 1_000  # notices that one tick delivers
MOST_TRIES = 30  # with growing pauses, about three weeks


def notice_id(*parts: str) -> str:
    """Return the id of a notice; a route recognises a repeated delivery by it."""
    from scheduled.digests import sha256  # only if there is a notice

    return sha256("\0".join(parts).encode()).hex()[:32]


def post(ledger: Conditions, item_id: str, notice: Notice, at: float) -> None:
    """Add a notice to the outbox, due at *at*. It replaces those with the same recipient and key that wait there.

    Otherwise an older notice that is delivered later would replace the newer one in the mailbox.
    """
    if notice.upsert_key:
        ledger.replace_notices(notice.recipient, notice.upsert_key, item_id)
    ledger.post(item_id, notice, at)


def deliver(
    ledger: Ledger, open_route: "Callable[[], Route]", now: Instant, log: Callable[[str], None]
) -> list[str]:
    """Deliver notices that are due at *now*; return one error message for each that could not be delivered.

    These are the oldest MOST; the next tick, which is due at once, continues.

    A notice that can never be delivered is dropped, with a message to *log*. *open_route* is called only if a notice is
    due.
    """
    due = ledger.due_notices(now, MOST)
    if not due:
        return []
    ledger.sync()  # a notice that is delivered must not be composed once more after a power cut
    route = open_route()
    errors = [error for item in due if (error := _deliver(ledger, route, item, now, log)) is not None]
    if len(errors) < len(due):
        route.finish()
    return errors


def _deliver(
    ledger: Ledger, route: "Route", item: OutboxItem, now: Instant, log: Callable[[str], None]
) -> str | None:
    """Deliver one notice and record in the ledger whether it was delivered; return an error message if not."""
    from scheduled.notify.routes.base import UndeliverableError  # only if a notice is due

    named = f"{item.notice.recipient}: {item.notice.subject!r}"
    try:
        route.deliver(item)
    except Exception as error:  # noqa: BLE001 - one undeliverable notice must not block the others
        final = isinstance(error, UndeliverableError) or item.tries + 1 >= MOST_TRIES
        with ledger.transaction():
            if final:
                ledger.delivered(item.id)
            else:
                ledger.undelivered(item.id, now + _pause(item.tries), str(error))
        if final:
            log(f"notice dropped: {named}: {error}")
        return f"{named} {'dropped' if final else 'not delivered'}: {error}"
    with ledger.transaction():
        ledger.delivered(item.id)
    route.recorded(item)
    return None


def _pause(tries: int) -> int:
    return int(min(DAY, FIRST_RETRY * 2 ** min(tries, 16)))
