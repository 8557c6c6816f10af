"""Times as the workspace's programs write them: naive and local, sometimes ISO with `T`, `Z` or an offset."""

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from scheduled.handlers.jsontext import MalformedError


def parse(value: Any, zone: ZoneInfo) -> datetime:
    """Return the instant that *value* names, in UTC (naive: local in *zone*); ValueError if it names none."""
    if not isinstance(value, str):
        raise MalformedError(f"{value!r} is no time")
    stamp = datetime.fromisoformat(value.strip())
    try:
        return (stamp if stamp.tzinfo else stamp.replace(tzinfo=zone)).astimezone(UTC)
    except OverflowError:
        raise MalformedError(f"{value!r} is out of range") from None


def instant(value: Any, zone: ZoneInfo) -> float | None:
    """Return what `parse` does, in UTC seconds; None if *value* names no time."""
    if not isinstance(value, str):
        return None
    try:
        stamp = datetime.fromisoformat(value.strip())
        offset = None if stamp.tzinfo else _offset_of_day(stamp.toordinal(), zone)
        if offset is None:
            return (stamp if stamp.tzinfo else stamp.replace(tzinfo=zone)).astimezone(UTC).timestamp()
    except (ValueError, OverflowError):
        return None
    seconds = (stamp - _EPOCH).total_seconds() - offset
    return seconds if _FIRST <= seconds <= _LAST else None


_EPOCH = datetime(1970, 1, 1)  # naive, as what it is subtracted from
_FIRST, _LAST = ((end - _EPOCH).total_seconds() for end in (datetime.min, datetime.max))  # noqa: DTZ901


@lru_cache(maxsize=1024)
def _offset_of_day(day: int, zone: ZoneInfo) -> float | None:
    """Return the seconds that *zone* is ahead of UTC all through a local day (its ordinal); None if its clocks change."""
    # Asked once a day instead of once a stamp: the look-up in the zone takes longer than reading the stamp.
    midnight = datetime.fromordinal(day).replace(tzinfo=zone)
    try:
        moments = [midnight + timedelta(hours=hours) for hours in (0, 6, 12, 18, 24)]
    except OverflowError:  # the last day of the calendar
        return None
    offsets = {moment.replace(fold=fold).utcoffset() for moment in moments for fold in (0, 1)}
    offset = offsets.pop()
    return None if offsets or offset is None else offset.total_seconds()


def readings(value: str, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """Return both instants that a naive local *value* may mean: they differ in the hour that is run twice."""
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
