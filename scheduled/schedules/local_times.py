"""Dates and times as they are written in a job table: local ones, also those that no clock of the zone ever shows."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from scheduled.schedules.schedule import ScheduleError
from scheduled.schedules.zones import FIRST_YEAR, LAST_YEAR, Instant


def read(key: str, value: Any, zone: str) -> Instant:
    """Return the instant of an ISO date and time (text, or TOML's own), in *zone* unless it names another.

    Raises ScheduleError, which names the *key*. A local time that the clocks leave out is taken as if they had not
    gone forward yet; one that they show twice is its first occurrence.
    """
    try:
        moment = _moment(value)
        instant = int((moment if moment.tzinfo else moment.replace(tzinfo=ZoneInfo(zone))).timestamp())
    except (TypeError, ValueError, OverflowError):
        raise ScheduleError(f"{key}: not an ISO date and time: {value!r} (write 2026-01-31T04:00)") from None
    if not FIRST_YEAR <= moment.year <= LAST_YEAR:
        raise ScheduleError(f"{key}: out of range: {value}")
    return instant


def _moment(value: Any) -> datetime:
    return value if isinstance(value, datetime) else datetime.fromisoformat(value)


def doubts(key: str, value: Any, zone: str) -> list[str]:
    """Return what is doubtful about a time that `read` can read: that no clock in *zone* ever shows it."""
    written = _moment(value)
    if written.tzinfo is not None:
        return []
    shown = datetime.fromtimestamp(read(key, value, zone), ZoneInfo(zone)).replace(tzinfo=None)
    if shown == written.replace(microsecond=0):
        return []
    return [
        f"{key}: {value} does not exist in {zone}, where clocks go forward over it; it is taken for {shown:%H:%M}"
    ]
