"""Parse and format durations such as 90s, 30m and 1h30m."""

import re

from scheduled.schedules.schedule import ScheduleError
from scheduled.schedules.zones import DAY, HOUR, MINUTE, Seconds

LONGEST: Seconds = 400 * 366 * DAY  # 400 years: longer than any use, and short enough to compute with
UNITS: dict[str, Seconds] = {"d": DAY, "h": HOUR, "m": MINUTE, "s": 1}


def parse_interval(text: str) -> int:
    """Return the seconds of an interval such as 90s, 24h, 7d or 1h30m. Raise ScheduleError if invalid."""
    if re.match(r"\s*(\d+\s*[dD]\s*)?\d+\s*M", text):  # a month in other notations
        raise ScheduleError(
            f"{text!r} is not clear: write {text.replace('M', 'm')} for minutes, or 30d for a month"
        )
    parts = re.findall(r"(\d{1,12})\s*([smhd])", text, re.ASCII | re.IGNORECASE)
    if re.fullmatch(r"\s*\d+\s*", text):
        raise ScheduleError(
            f"{text!r} has no unit: write {text.strip()}s, {text.strip()}m or {text.strip()}h"
        )
    if not re.fullmatch(r"\s*(\d{1,12}\s*[smhd]\s*)+", text, re.ASCII | re.IGNORECASE):
        raise ScheduleError(f"{text!r} is not a duration: write for example 90s, 30m, 24h, 7d or 1h30m")
    seconds = sum(int(number) * UNITS[unit.lower()] for number, unit in parts)
    if not seconds:
        raise ScheduleError(f"{text!r} is not a positive interval: write 1s or more")
    return seconds


def read_seconds(value: int | str, least: Seconds = 1) -> Seconds:
    """Return the seconds of an interval or a number of seconds.

    Raise ScheduleError if it is invalid, below *least* or above `LONGEST`.
    """
    seconds = parse_interval(value) if isinstance(value, str) else value
    if not least <= seconds <= LONGEST:
        raise ScheduleError(f"out of range: {value!r} (write {duration(least)} to {LONGEST // DAY}d)")
    return seconds


def duration(seconds: Seconds) -> str:
    """Return a duration in the notation of the configuration: 90 -> 1m30s."""
    parts = []
    for unit, size in UNITS.items():
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"


def in_one_unit(seconds: Seconds) -> str:
    """Return a duration in the largest unit that divides it without remainder: 5400 -> 90m."""
    unit, size = next((unit, size) for unit, size in UNITS.items() if seconds % size == 0)
    return f"{seconds // size}{unit}"
