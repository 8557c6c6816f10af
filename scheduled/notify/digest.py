"""The digest: notices of a low priority are gathered, and delivered together once a day."""

from scheduled.clock import minute
from scheduled.core import digest_text
from scheduled.core.conditions import Notice
from scheduled.core.digest_text import DIGEST
from scheduled.notify import outbox
from scheduled.schedules.kinds.registry import timetable_of
from scheduled.schedules.schedule import Schedule
from scheduled.schedules.zones import DAY, Instant
from scheduled.state.ledger import Conditions


def _next_time(time_of_day: str, zone: str, now: Instant) -> Instant:
    """Return the next instant at which it is *time_of_day* (HH:MM) in *zone*."""
    hour, _, minute = time_of_day.partition(":")
    daily = Schedule("cron", f"{int(minute)} {int(hour)} * * *", zone)
    return timetable_of(daily, now).next_after(now) or now + DAY


def add(ledger: Conditions, notice: Notice, time_of_day: str, zone: str, now: float) -> None:
    """Add *notice*, made *now*, to the digest for its recipient that is not due yet, or begin one for *time_of_day*.

    One that is due, or was tried, may be on its way. Each has a key of its own, so that it replaces no other one, neither
    here nor in a mailbox.
    """
    waiting = [
        item
        for item in ledger.notices_to([notice.recipient], DIGEST)
        if item.notice.kind == DIGEST and not item.tries and item.next_try > now
    ]
    for item in waiting:
        ledger.delivered(item.id)
    at = minute(now, zone)
    body = "\n".join([*(item.notice.body for item in waiting), digest_text.entry(at, notice)])
    number = digest_text.number(body)
    item_id = outbox.notice_id(DIGEST, notice.recipient, str(now), body)
    gathered = Notice(
        recipient=notice.recipient,
        subject=f"Digest: {number} notice{'s' * (number != 1)}",
        body=body,
        priority="low",
        upsert_key=f"{DIGEST}:{item_id}",
        kind=DIGEST,
    )
    due = min([_next_time(time_of_day, zone, int(now)), *(item.next_try for item in waiting)])
    outbox.post(ledger, item_id, gathered, due)
