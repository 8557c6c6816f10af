"""Parse daily windows of local time, such as ["22:00", "08:00"], and put them in words."""

import re
from typing import Any

from scheduled.schedules.schedule import ScheduleError

TIME = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)")


def in_words(start: int, end: int) -> str:
    """Return a window, in minutes after midnight, as `22:00 to 08:00`."""
    return f"{start // 60:02}:{start % 60:02} to {end // 60:02}:{end % 60:02}"


def read_window(key: str, value: Any) -> tuple[int, int] | None:
    """Return the beginning and the end of a window in minutes after midnight; None for None.

    Raise ScheduleError, which names *key*, unless *value* is a list of two different times of day.
    """
    if value is None:
        return None
    texts = value if isinstance(value, list) else []
    times = [TIME.fullmatch(text) for text in texts if isinstance(text, str)]
    if len(texts) != 2 or len(times) != 2 or not all(times):  # noqa: PLR2004 - start and end
        raise ScheduleError(
            f'{key}: must be two times of day, got {value!r}; write for example ["22:00", "08:00"]'
        )
    start, end = (int(time[1]) * 60 + int(time[2]) for time in times if time)
    if start == end:
        raise ScheduleError(
            f"{key}: both times are the same; write two different times, or enabled = false for no runs"
        )
    return start, end
