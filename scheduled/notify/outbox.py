"""Deliver the notices in the outbox, each at least once, unless it can never be delivered."""

import os
from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING

from scheduled.core.conditions import Notice, is_mailbox
from scheduled.core.records import OutboxItem
from scheduled.schedules.zones import DAY, MINUTE, Instant
from scheduled.state.ledger import Conditions, Ledger

if TYPE_CHECKING:
    from scheduled.core.event_notices import EventRoutes
    from scheduled.core.events import Event
    from scheduled.notify.routes.base import Route

FIRST_RETRY = 5 * MINUTE
MOST = 1_000  # notices that one tick delivers
MOST_TRIES = 30  # with growing pauses, about three weeks
MOST_WAITS = 9  # of a notice for which there is no one to show it to, with growing pauses about a day
MOST_FAILURES = 2  # of a channel in one tick
MARGIN = (
    MINUTE  # by which the claim of a notice outlasts the timeout of its channel: a child process has to end
)
# The recorded error of a notice that a tick sends now, of one that was left to a later tick, and of one that only waits.
SENDING, LEFT, WAITS = "its tick ended while it was sent", "not tried: the channel failed", "waits: "


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


def announce(ledger: Conditions, routes: "EventRoutes", event: "Event", at: float) -> None:
    """Post the notices about *event*, in the transaction that records it. Each event has notices of its own."""
    for notice in routes.notices(event):
        post(ledger, os.urandom(16).hex(), notice, at)


def deliver(
    ledger: Ledger,
    open_route: "Callable[[], Route]",
    clock: Callable[[], float],
    log: Callable[[str], None],
    printed: Callable[[], Collection[str]] = tuple,
) -> list[str]:
    """Deliver notices that are due now, by *clock*; return one error message for each that could not be delivered.

    These are the oldest MOST; the next tick, which is due at once, continues.

    A notice that can never be delivered is dropped, with a message to *log*. *open_route* is called only if a notice is
    due, and *printed*, which returns the channels of which ticks print the notices: these are left. After MOST_FAILURES failures of a channel the other notices to it are left to a later tick.
    """
    due = ledger.due_notices(int(clock()), MOST)
    if due:
        names = printed()
        due = [item for item in due if item.notice.recipient not in names]
    if not due:
        return []
    ledger.sync()  # a notice that is delivered must not be composed once more after a power cut
    route = open_route()
    errors: list[str] = []
    failures: dict[str, int] = {}
    for item in due:
        error = _deliver(ledger, route, item, clock, log, failures)
        if error is not None:
            errors.append(error)
            failures[item.notice.recipient] = failures.get(item.notice.recipient, 0) + 1
    if len(errors) < len(due):
        route.finish()
    return errors


def _deliver(
    ledger: Ledger,
    route: "Route",
    item: OutboxItem,
    clock: Callable[[], float],
    log: Callable[[str], None],
    failures: Mapping[str, int],
) -> str | None:
    """Deliver one notice and record in the ledger whether it was delivered; return an error message if not."""
    if not is_mailbox(item.notice.recipient) and not _claimed(ledger, item, int(clock()), failures):
        return None
    try:
        route.deliver(item)
    except Exception as error:  # noqa: BLE001 - one undeliverable notice must not block the others
        return _not_delivered(ledger, item, int(clock()), log, error)
    with ledger.transaction():
        ledger.delivered(item.id)
    route.recorded(item)
    return None


def _claimed(ledger: Ledger, item: OutboxItem, now: Instant, failures: Mapping[str, int]) -> bool:
    """Claim a notice to a channel, which cannot recognise a repeated delivery; return False if it is not sent now.

    Of two ticks one sends it. If this one is killed, it is sent again after the pause of a failure, or after the longest
    time that a channel may take.
    """
    from scheduled.core.channels import LONGEST_TIMEOUT  # only if a notice is due

    holds = max(_pause(item.tries), LONGEST_TIMEOUT + MARGIN)
    with ledger.transaction():
        if failures.get(item.notice.recipient, 0) >= MOST_FAILURES:
            ledger.put_off(item.id, now + FIRST_RETRY, LEFT)
            return False
        return ledger.claim_notice(item.id, now, now + holds, SENDING)


def _not_delivered(
    ledger: Ledger, item: OutboxItem, now: Instant, log: Callable[[str], None], error: Exception
) -> str | None:
    """Record that a notice was not delivered because of *error*; return an error message, unless it only waits."""
    from scheduled.notify.routes.base import UndeliverableError, WaitingError  # only if a notice is due

    named = f"{item.notice.recipient}: {item.notice.subject!r}"
    waits = isinstance(error, WaitingError)
    most = MOST_WAITS if waits else MOST_TRIES
    final = isinstance(error, UndeliverableError) or item.tries + 1 >= most
    with ledger.transaction():
        if final:
            ledger.delivered(item.id)
        elif is_mailbox(item.notice.recipient):
            ledger.undelivered(item.id, now + _pause(item.tries), str(error))
        else:
            # Counted when it was claimed.
            ledger.put_off(item.id, now + _pause(item.tries), f"{WAITS if waits else ''}{error}")
    if final:
        log(f"notice dropped: {named}: {error}")
    if waits:
        return None
    if final or is_mailbox(item.notice.recipient):
        return f"{named} {'dropped' if final else 'not delivered'}: {error}"
    return failing(item.notice.recipient, str(error))


def failing(channel: str, error: str) -> str:
    """Return the text about a *channel* that does not take notices because of *error*."""
    return f"{channel}: its notices are not delivered: {error} (scheduled notices)"


def failing_channels(ledger: Conditions, now: float) -> dict[str, str]:
    """Return a text for each channel that failed for a notice that waits, by the channel's name."""
    if ledger.next_delivery() is None:
        return {}
    found: dict[str, OutboxItem] = {}
    for item in ledger.outbox():
        sent_now = item.error == SENDING and item.next_try > now
        if item.tries and not (
            is_mailbox(item.notice.recipient) or sent_now or item.error.startswith((LEFT, WAITS))
        ):
            found.setdefault(item.notice.recipient, item)
    return {name: failing(name, item.error) for name, item in found.items()}


def _pause(tries: int) -> int:
    return int(min(DAY, FIRST_RETRY * 2 ** min(tries, 16)))
