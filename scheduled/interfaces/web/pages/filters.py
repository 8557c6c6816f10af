"""Instants, spans and states as pages say them."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from scheduled import clock
from scheduled.schedules.zones import DAY, HOUR, MINUTE

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
NEAR = 6  # days for which the day's name says which is meant
STATES = {"timed_out": "timed out", "waiting_retry": "waits for retry", "claimed": "starting", "": "open"}


def moment(iso: str) -> str:
    """Say an instant as short as it can be told from others: 14:05, tomorrow 03:00, Mon 03:00, 2 Mar 03:00."""
    found = datetime.fromisoformat(iso)
    today = datetime.fromtimestamp(clock.now(), found.tzinfo)
    days = (found.date() - today.date()).days
    time = f"{found:%H:%M}"
    if days == 0:
        return time
    if abs(days) == 1:
        return f"{'tomorrow' if days > 0 else 'yesterday'} {time}"
    if abs(days) <= NEAR:
        return f"{DAYS[found.weekday()]} {time}"
    year = "" if found.year == today.year else f" {found.year}"
    return f"{date(found)}{year} {time}"


def date(day: Any) -> str:
    """Say a day of a year."""
    return f"{day.day} {MONTHS[day.month - 1]}"


def weekday(iso: str) -> str:
    """Say the day of the week."""
    return DAYS[datetime.fromisoformat(iso).weekday()]


def full(iso: str) -> str:
    """Say an instant to the second."""
    return f"{datetime.fromisoformat(iso):%Y-%m-%d %H:%M:%S %z}"


def distance(iso: str) -> str:
    """Say how far away an instant is."""
    found = datetime.fromisoformat(iso)
    left = found - datetime.fromtimestamp(clock.now(), found.tzinfo)
    said = _rough(abs(left))
    return f"in {said}" if left > timedelta() else f"{said} ago"


def _rough(span: timedelta) -> str:
    seconds = int(span.total_seconds())
    for size, unit in ((DAY, "d"), (HOUR, "h"), (MINUTE, "min")):
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def lasting(milliseconds: int | None) -> str:
    """Say how long something took."""
    if milliseconds is None:
        return ""
    if milliseconds < 1000:  # noqa: PLR2004 - a second
        return f"{milliseconds} ms"
    seconds = milliseconds / 1000
    if seconds < 60:  # noqa: PLR2004 - a minute
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {rest:02} s"


def state(word: str | None) -> str:
    """Say a status or a verdict."""
    return STATES.get(word or "", word or "")


FILTERS: dict[str, Callable[..., str]] = {
    "moment": moment,
    "full": full,
    "distance": distance,
    "lasting": lasting,
    "state": state,
    "date": date,
    "weekday": weekday,
}
