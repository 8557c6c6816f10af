"""Durations as people write them: 90s, 30m, 1h30m."""

import re

from scheduled.schedules.schedule import ScheduleError
from scheduled.schedules.zones import DAY, HOUR, MINUTE, Seconds

LONGEST: Seconds = 400 * 366 * DAY  # what is longer reaches beyond every calendar
UNITS: dict[str, Seconds] = {"d": DAY, "h": HOUR, "m": MINUTE, "s": 1}


def parse_interval(text: str) -> int:
    """Return the seconds of an interval such as 90s, 30m, 24h, 7d or 1h30m; raises ScheduleError."""
    parts = re.findall(r"(\d{1,12})\s*([smhd])", text, re.ASCII | re.IGNORECASE)
    if re.fullmatch(r"\s*\d+\s*", text):
        raise ScheduleError(
            f"{text!r} has no unit: write {text.strip()}s, {text.strip()}m or {text.strip()}h"
        )
    if not re.fullmatch(r"\s*(\d{1,12}\s*[smhd]\s*)+", text, re.ASCII | re.IGNORECASE):
        raise ScheduleError(f"{text!r} is no interval: write one such as 90s, 30m, 24h, 7d or 1h30m")
    seconds = sum(int(number) * UNITS[unit.lower()] for number, unit in parts)
    if not seconds:
        raise ScheduleError(f"{text!r} is no time at all: write one second (1s) or more")
    return seconds


def read_seconds(value: int | str, least: Seconds = 1) -> Seconds:
    """Return the seconds of an interval or of a number of seconds, from *least* on; raises ScheduleError."""
    seconds = parse_interval(value) if isinstance(value, str) else value
    if not least <= seconds <= LONGEST:
        raise ScheduleError(f"out of range: {value!r}")
    return seconds


def duration(seconds: Seconds) -> str:
    """Return a duration as one would write it: 90 -> 1m30s."""
    parts = []
    for unit, size in UNITS.items():
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"


def in_one_unit(seconds: Seconds) -> str:
    """Return a duration in the largest unit that divides it: 5400 -> 90m."""
    unit, size = next((unit, size) for unit, size in UNITS.items() if seconds % size == 0)
    return f"{seconds // size}{unit}"
