"""Deliver the notices in the outbox, each at least once, unless it can never be delivered."""

import os
from collections.abc import Callable, Collection, Iterator
from functools import cached_property
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
    first, now = ledger.next_delivery(), int(clock())
    if first is None or first > now:
        return []
    delivery = _Delivery(ledger, open_route, clock, log, printed())
    errors = [error for item in delivery.due(now) if (error := delivery.deliver(item)) is not None]
    delivery.finish()
    return errors


class _Delivery:
    """The deliveries of one tick. *without* are recipients that it leaves to others; those that fail too often join them."""

    def __init__(
        self,
        ledger: Ledger,
        open_route: "Callable[[], Route]",
        clock: Callable[[], float],
        log: Callable[[str], None],
        without: Collection[str],
    ) -> None:
        self._ledger, self._open_route, self._clock, self._log = ledger, open_route, clock, log
        self._without = {*without}
        self._failures: dict[str, int] = {}
        self._delivered = False

    def due(self, now: Instant) -> Iterator[OutboxItem]:
        """Yield the notices that are due at *now*, MOST of them. Those to a recipient that failed too often make room for others."""
        number, known = 0, None
        while known != self._without:
            known = {*self._without}
            for item in self._ledger.due_notices(now, MOST - number, known):
                if item.notice.recipient not in self._without:
                    number += 1
                    yield item

    def deliver(self, item: OutboxItem) -> str | None:
        """Deliver one notice and record in the ledger whether it was delivered; return an error message if not."""
        route = self._route
        if not is_mailbox(item.notice.recipient) and not self._claimed(item):
            return None
        try:
            route.deliver(item)
        except Exception as error:  # noqa: BLE001 - one undeliverable notice must not block the others
            return self._failed(item, error)
        with self._ledger.transaction():
            self._ledger.delivered(item.id)
        route.recorded(item)
        self._delivered = True
        return None

    def finish(self) -> None:
        """Finish the route, if a notice was delivered."""
        if self._delivered:
            self._route.finish()

    @cached_property
    def _route(self) -> "Route":
        self._ledger.sync()  # a notice that is delivered must not be composed once more after a power cut
        return self._open_route()

    def _claimed(self, item: OutboxItem) -> bool:
        """Claim a notice to a channel, which cannot recognise a repeated delivery; return False if it is not sent now.

        Of two ticks one sends it. If this one is killed, it is sent again after the pause of a failure, or after the longest
        time that a channel may take.
        """
        from scheduled.core.channels import LONGEST_TIMEOUT  # only if a notice is due

        now, holds = int(self._clock()), max(_pause(item.tries), LONGEST_TIMEOUT + MARGIN)
        with self._ledger.transaction():
            return self._ledger.claim_notice(item.id, now, now + holds, SENDING)

    def _failed(self, item: OutboxItem, error: Exception) -> str | None:
        """Record that a notice was not delivered, and leave a channel that fails too often to a later tick."""
        now, name = int(self._clock()), item.notice.recipient
        text = _not_delivered(self._ledger, item, now, self._log, error)
        self._failures[name] = self._failures.get(name, 0) + (text is not None)
        if self._failures[name] >= MOST_FAILURES and not is_mailbox(name):
            self._without.add(name)
            with self._ledger.transaction():
                self._ledger.put_off_due(name, now, now + FIRST_RETRY, LEFT)
        return text


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
            _drop(ledger, item)
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


def _drop(ledger: Ledger, item: OutboxItem) -> None:
    """Remove a notice that is given up. If it was the last one to its channel, the incident ends without a recovery."""
    ledger.delivered(item.id)
    name = item.notice.recipient
    if not ledger.notices_to([name]):
        ledger.drop_incidents([key_of_channel(name)])


def key_of_channel(name: str) -> str:
    """Return the key of the problem that the channel *name* fails."""
    return f"channel:{name}"


def failing(channel: str, error: str) -> str:
    """Return the text about a *channel* that does not take notices because of *error*."""
    return f"{channel}: its notices are not delivered: {error} (scheduled notices)"


def failing_channels(ledger: Conditions, now: float) -> dict[str, str]:
    """Return a text for each channel that failed for a notice that waits, by the channel's name.

    That a tick was killed while it sent one, once, is no fault of the channel.
    """
    if ledger.next_delivery() is None:
        return {}
    found = {
        item.notice.recipient: item.error
        for item in ledger.tried_notices(int(now), SENDING, (LEFT, WAITS))
        if item.error != SENDING or item.tries > 1
    }
    return {name: failing(name, error) for name, error in found.items() if not is_mailbox(name)}


def _pause(tries: int) -> int:
    return int(min(DAY, FIRST_RETRY * 2 ** min(tries, 16)))
