"""The digest: notices of a low priority are gathered, and delivered together once a day."""

from scheduled.clock import stamp
from scheduled.core.conditions import Notice
from scheduled.notify import outbox
from scheduled.schedules.kinds.registry import timetable_of
from scheduled.schedules.schedule import Schedule
from scheduled.schedules.zones import DAY, Instant
from scheduled.state.ledger import Conditions

KEY = "digest"


def _next_time(time_of_day: str, zone: str, now: Instant) -> Instant:
    """Return the next instant at which it is *time_of_day* (HH:MM) in *zone*."""
    hour, _, minute = time_of_day.partition(":")
    daily = Schedule("cron", f"{int(minute)} {int(hour)} * * *", zone)
    return timetable_of(daily, now).next_after(now) or now + DAY


def add(ledger: Conditions, notice: Notice, time_of_day: str, zone: str, now: float) -> None:
    """Add *notice*, made *now*, to the digest for its recipient that waits in the outbox, or begin one for *time_of_day*."""
    waiting = [
        item
        for item in ledger.outbox()
        if (item.notice.recipient, item.notice.upsert_key) == (notice.recipient, KEY) and not item.tries
    ]
    at = (stamp(now, zone) or "")[:16].replace("T", " ")
    lines = [line for item in waiting for line in item.notice.body.splitlines()]
    lines += [f"{at} {line}" for line in notice.body.splitlines()]
    number = f"{len(lines)} notice{'s' * (len(lines) != 1)}"
    gathered = Notice(
        recipient=notice.recipient,
        subject=f"Digest: {number}",
        body="\n".join(lines),
        priority="low",
        upsert_key=KEY,
        kind="digest",
    )
    due = min([_next_time(time_of_day, zone, int(now)), *(item.next_try for item in waiting)])
    outbox.post(ledger, outbox.notice_id(KEY, notice.recipient, str(now), *lines), gathered, due)
