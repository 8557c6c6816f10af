"""Times as the workspace's programs write them: naive and local, sometimes ISO with `T`, `Z` or an offset."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from scheduled.handlers.formats.json_text import MalformedError


def parse(value: Any, zone: ZoneInfo) -> datetime:
    """Return the instant that *value* names, in UTC (naive: local in *zone*); ValueError if it names none."""
    if not isinstance(value, str):
        raise MalformedError(f"{value!r} is no time")
    stamp = datetime.fromisoformat(value.strip())
    try:
        return (stamp if stamp.tzinfo else stamp.replace(tzinfo=zone)).astimezone(UTC)
    except OverflowError:
        raise MalformedError(f"{value!r} is out of range") from None


@lru_cache(maxsize=8)
def reader(zone: ZoneInfo) -> Callable[[Any], float | None]:
    """Return what reads stamps as `parse` does in *zone*, in UTC seconds, None for what names no time: for many."""
    days = _Days(zone)

    def read(value: Any) -> float | None:
        try:
            stamp = datetime.fromisoformat(value)
        except (ValueError, TypeError):
            return _slowly(value, zone)  # blanks around it, or no time
        if stamp.tzinfo is not None or (midnight := days[stamp.toordinal()]) is None:
            return _slowly(value, zone)
        seconds = midnight + 3600 * stamp.hour + 60 * stamp.minute + stamp.second
        return (seconds * 10**6 + stamp.microsecond) / 10**6 if stamp.microsecond else seconds

    return read


def _slowly(value: Any, zone: ZoneInfo) -> float | None:
    try:
        return parse(value, zone).timestamp()
    except ValueError:
        return None


class _Days(dict[int, int | None]):
    """When each local day (by its ordinal) begins, in UTC seconds; None if its clocks change, or nobody knows.

    Asked once a day instead of once a stamp: the look-up in the zone takes longer than reading the stamp.
    """

    def __init__(self, zone: ZoneInfo) -> None:
        self._zone = zone

    def __missing__(self, day: int) -> int | None:
        offset = _offset_of_day(day, self._zone)
        found = None if offset is None else round((day - _EPOCH) * 86400 - offset)
        self[day] = found
        return found


_EPOCH = date(1970, 1, 1).toordinal()
_EDGE = 3  # days at either end of the calendar, where an offset leads out of it


def _offset_of_day(day: int, zone: ZoneInfo) -> float | None:
    """Return the seconds that *zone* is ahead of UTC all through a local day; None if its clocks change."""
    if not date.min.toordinal() + _EDGE < day < date.max.toordinal() - _EDGE:
        return None
    midnight = datetime.fromordinal(day).replace(tzinfo=zone)
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
    """Return *now* as the mail writer stamps its messages: `2026-02-03 14:00:00`, local."""
    return now.astimezone(zone).strftime("%Y-%m-%d %H:%M:%S")


def iso(now: datetime, zone: ZoneInfo) -> str:
    """Return *now* as the workspace's programs stamp their files: `2026-02-03T14:00:00`, local."""
    return now.astimezone(zone).replace(tzinfo=None).isoformat(timespec="seconds")


def compact(now: datetime, zone: ZoneInfo) -> str:
    """Return *now* as it begins a mail file's name: `20260203_140000`, local."""
    return now.astimezone(zone).strftime("%Y%m%d_%H%M%S")


def span(length: timedelta) -> str:
    """Return a length of time in the unit a person would use: `53 min`, `5 h`, `31 days`."""
    hours = length / timedelta(hours=1)
    if hours < 1:
        return f"{round(hours * 60)} min"
    return f"{int(hours)} h" if hours < 48 else f"{int(hours // 24)} days"  # noqa: PLR2004
