"""Parses and formats the timestamps of the workspace's programs: local without zone, or ISO with `Z` or an offset."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from scheduled.handlers.formats.json_text import MalformedError


def parse(value: Any, zone: ZoneInfo) -> datetime:
    """Return the instant of *value* in UTC; without an offset it is local in *zone*. Raise ValueError if not valid."""
    if not isinstance(value, str):
        raise MalformedError(f"{value!r} is not a time")
    stamp = datetime.fromisoformat(value.strip())
    try:
        return (stamp if stamp.tzinfo else stamp.replace(tzinfo=zone)).astimezone(UTC)
    except OverflowError:
        raise MalformedError(f"{value!r} is out of range") from None


@lru_cache(maxsize=8)
def reader(zone: ZoneInfo) -> Callable[[Any], float | None]:
    """Return a fast variant of `parse` for *zone*, which returns UTC seconds, or None for an invalid timestamp."""
    days, parsed = _Days(zone), datetime.fromisoformat

    def read(value: Any) -> float | None:
        try:
            local = parsed(value) - _EPOCH
        except (ValueError, TypeError):
            return _slowly(value, zone)  # has surrounding blanks or an offset, or is not a time
        if (midnight := days[local.days]) is None:
            return _slowly(value, zone)
        seconds, part = midnight + local.seconds, local.microseconds
        return (seconds * 10**6 + part) / 10**6 if part else seconds

    return read


def _slowly(value: Any, zone: ZoneInfo) -> float | None:
    try:
        return parse(value, zone).timestamp()
    except ValueError:
        return None


def local_since(instant: datetime, zone: ZoneInfo) -> datetime:
    """Return a naive local time: all naive times from it up to `LAST` are at or after *instant* in *zone*.

    Most often it is *instant* in local time. Where a clock change is near, it is two days later: no change is longer.
    """
    try:
        wall = instant.astimezone(zone).replace(tzinfo=None)
        later = wall + _LONGEST_CHANGE
    except OverflowError:
        return LAST
    day = (wall - _EPOCH).days
    offset = (wall - instant.astimezone(UTC).replace(tzinfo=None)).total_seconds()
    steady = all(_offset_of_day(day + n, zone) == offset for n in range(_LONGEST_CHANGE.days + 1))
    return wall if steady else later


class _Days(dict[int, int | None]):
    """The UTC seconds at which each local day (days since 1970) begins; None if the UTC offset changes during the day.

    Cached per day, because the lookup in the time zone takes longer than parsing a timestamp.
    """

    def __init__(self, zone: ZoneInfo) -> None:
        self._zone = zone

    def __missing__(self, day: int) -> int | None:
        offset = _offset_of_day(day, self._zone)
        found = None if offset is None else round(day * 86400 - offset)
        self[day] = found
        return found


_EPOCH = datetime(1970, 1, 1)
LAST = datetime(9999, 12, 28)  # after it a naive time may have no instant
_LONGEST_CHANGE = timedelta(days=2)  # an offset is less than a day, in either direction
_EDGE = 3  # days at both ends of the calendar, where applying an offset overflows


def _offset_of_day(day: int, zone: ZoneInfo) -> float | None:
    """Return the UTC offset of *zone* in seconds on a local day; None if it changes or is not a whole number."""
    ordinal = day + _EPOCH.toordinal()
    if not date.min.toordinal() + _EDGE < ordinal < date.max.toordinal() - _EDGE:
        return None
    midnight = datetime.fromordinal(ordinal).replace(tzinfo=zone)
    moments = [midnight + timedelta(hours=hours) for hours in (0, 6, 12, 18, 24)]
    offsets = {moment.replace(fold=fold).utcoffset() for moment in moments for fold in (0, 1)}
    offset = offsets.pop()
    seconds = None if offsets or offset is None else offset.total_seconds()
    return None if seconds is None or seconds % 1 else seconds


def instants(value: str, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """Return both instants (UTC) of a naive local *value*; they differ only in the hour repeated at a clock change."""
    stamp = datetime.fromisoformat(value).replace(tzinfo=zone)
    return stamp.astimezone(UTC), stamp.replace(fold=1).astimezone(UTC)


def spaced(now: datetime, zone: ZoneInfo) -> str:
    """Return *now* in the format of mail messages: `2026-02-03 14:00:00`, local in *zone*."""
    return now.astimezone(zone).strftime("%Y-%m-%d %H:%M:%S")


def iso(now: datetime, zone: ZoneInfo) -> str:
    """Return *now* in the format of the workspace's other files: `2026-02-03T14:00:00`, local in *zone*."""
    return now.astimezone(zone).replace(tzinfo=None).isoformat(timespec="seconds")


def compact(now: datetime, zone: ZoneInfo) -> str:
    """Return *now* in the format of mail file names: `20260203_140000`, local in *zone*."""
    return now.astimezone(zone).strftime("%Y%m%d_%H%M%S")


def span(length: timedelta) -> str:
    """Return a duration in one suitable unit: `53 min`, `5 h` or `31 days`."""
    hours = length / timedelta(hours=1)
    if hours < 1:
        return f"{round(hours * 60)} min"
    return f"{int(hours)} h" if hours < 48 else f"{int(hours // 24)} days"  # noqa: PLR2004
