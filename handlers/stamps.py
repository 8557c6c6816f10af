"""Times as the workspace's programs write them: naive and local, sometimes ISO with `T`, `Z` or an offset."""

from datetime import UTC, datetime, timedelta
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
        return (stamp if stamp.tzinfo else stamp.replace(tzinfo=zone)).timestamp()
    except (ValueError, OverflowError):
        return None


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
