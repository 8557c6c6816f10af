"""Parse the dates and times in a job table, including local times that do not exist at a clock change."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from scheduled.schedules.schedule import ScheduleError
from scheduled.schedules.zones import FIRST_YEAR, LAST_YEAR, Instant


def read(key: str, value: Any, zone: str) -> Instant:
    """Return the instant of an ISO date and time (text, or a TOML date), in *zone* unless it has an offset.

    A local time that a clock change skips is read with the offset before the change. A local time that occurs
    twice is its first occurrence. Raise ScheduleError, which names *key*, if the value is invalid.
    """
    try:
        moment = _moment(value)
        instant = int((moment if moment.tzinfo else moment.replace(tzinfo=ZoneInfo(zone))).timestamp())
    except (TypeError, ValueError, OverflowError):
        raise ScheduleError(
            f"{key}: not an ISO date and time: {value!r}; write for example 2026-01-31T04:00"
        ) from None
    if not FIRST_YEAR <= moment.year <= LAST_YEAR:
        raise ScheduleError(f"{key}: out of range: {value} (write a year from {FIRST_YEAR} to {LAST_YEAR})")
    return instant


def _moment(value: Any) -> datetime:
    return value if isinstance(value, datetime) else datetime.fromisoformat(value)


def warnings(key: str, value: Any, zone: str) -> list[str]:
    """Return a warning if the valid local time *value* does not exist in *zone*."""
    written = _moment(value)
    if written.tzinfo is not None:
        return []
    shown = datetime.fromtimestamp(read(key, value, zone), ZoneInfo(zone)).replace(tzinfo=None)
    if shown == written.replace(microsecond=0):
        return []
    return [f"{key}: {value} does not exist in {zone}, because clocks go forward then; {shown:%H:%M} is used"]
