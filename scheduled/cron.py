"""The dialect: five fields as Debian's cron reads them, and the days and times of day they name. Pure."""

import calendar
import re
from bisect import bisect_left
from datetime import datetime
from functools import lru_cache
from zlib import crc32

from scheduled.jobs import DAY, Seconds

MACROS = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
FIELDS = ("minute", "hour", "day of month", "month", "day of week")
# A hashed day of the month stays below 29, so that it exists in every month.
HASHED = ((0, 59), (0, 23), (1, 28), (1, 12), (0, 6))
EPOCH_ORDINAL = 719163  # date(1970, 1, 1).toordinal()
SUNDAY, SATURDAY, WEEK = 0, 6, 7


class ScheduleError(ValueError):
    """A schedule can't be read; the message names the field and says what to write."""


class Expression:
    """A parsed expression: which *days* it names, and *times* of day in seconds, ascending.

    It is *wild* if its minute or hour begins with `*`: Debian's cron treats these differently when the clock
    changes (see `timetable`).
    """

    def __init__(self, text: str, seed: str = "") -> None:
        fields = _fields(text, seed)
        parsed = _parse(text, fields)
        self.wild = fields[0].startswith("*") or fields[1].startswith("*")
        self.days = days(*fields[2:])
        self.times = [
            hour * 3600 + minute * 60 for hour in sorted(parsed.hours) for minute in sorted(parsed.minutes)
        ]
        if not self.days.ever():
            raise ScheduleError(f"{text!r} never fires: no month has such a day")


def _fields(text: str, seed: str) -> list[str]:
    text = text.strip()
    if text.lower() == "@reboot":
        raise ScheduleError("@reboot is no point in time; give `every`, or a cron expression")
    if text.startswith("@"):
        if text.lower() not in MACROS:
            raise ScheduleError(f"no such macro: {text!r}; there are {', '.join(MACROS)}")
        text = MACROS[text.lower()]
    fields = text.upper().split()
    if len(fields) != len(FIELDS):
        raise ScheduleError(f"{text!r} has {len(fields)} fields; write five: {', '.join(FIELDS)}")
    return [_resolve(field, place, seed) for place, field in enumerate(fields)]


def _resolve(field: str, place: int, seed: str) -> str:
    """Refuse what Debian's cron refuses, and give hashed fields (`H`) the values that *seed* gives them."""
    for term in field.split(","):
        if re.fullmatch(r"[0-9A-Z]+/\d+", term) and not term.startswith("H"):
            first, step = term.split("/")
            raise ScheduleError(
                f"{FIELDS[place]}: a step needs a range: write {first}-{HASHED[place][1]}/{step}, not {term}"
            )
    if "H" not in re.sub(r"THU|MAR|MARCH", "", field):
        return field
    return ",".join(_hashed(term, place, seed) for term in field.split(","))


def _hashed(term: str, place: int, seed: str) -> str:
    match = re.fullmatch(r"H(?:\((\d+)-(\d+)\))?(?:/(\d+))?", term)
    if match is None:
        return term
    if not seed:
        raise ScheduleError(f"{FIELDS[place]}: H is spread by a job's name, and there is none here")
    low, high = (int(match[1]), int(match[2])) if match[1] else HASHED[place]
    if not HASHED[place][0] <= low <= high <= HASHED[place][1] + 3 * (place == 2):  # noqa: PLR2004 - days 29 to 31
        raise ScheduleError(f"{FIELDS[place]}: {term} is out of range")
    draw = crc32(f"{place}\0{seed}".encode())
    if match[3] is None:
        return str(low + draw % (high - low + 1))
    step = int(match[3])
    if not 0 < step <= high - low:
        raise ScheduleError(f"{FIELDS[place]}: {term} has no such step")
    return f"{low + draw % step}-{high}/{step}"


def _parse(text: str, fields: list[str]) -> "CronSim":  # type: ignore[name-defined]  # noqa: F821 - imported when needed
    from cronsim import CronSim, CronSimError

    try:
        return CronSim(" ".join(fields), datetime(2000, 1, 1))
    except CronSimError as error:
        raise ScheduleError(f"{text!r}: {str(error)[:1].lower()}{str(error)[1:]}") from None


@lru_cache(maxsize=4096)
def days(day: str, month: str, weekday: str) -> "Days":
    """Return the days that three fields name; expressions with the same fields share them."""
    return Days(day, month, weekday)


class Days:
    """The days that the fields *day*, *month* and *weekday* name, counted from 1970-01-01."""

    def __init__(self, day: str, month: str, weekday: str) -> None:
        parsed = _parse(f"{day} {month} {weekday}", ["0", "0", day, month, weekday])
        self._parsed = parsed
        self._all = day == month == weekday == "*"
        self._masks: dict[tuple[int, int], int] = {}

    def ever(self) -> bool:
        """Return whether there is such a day in any of the years that a calendar cycles through."""
        return self.next(0, 50 * 366) is not None

    def _mask(self, year: int, month: int) -> int:
        """Return the month's days as bits: bit 0 is its first day."""
        key = (year, month)
        if key not in self._masks:
            self._masks[key] = self._month(year, month) if month in self._parsed.months else 0
        return self._masks[key]

    def _month(self, year: int, month: int) -> int:
        first, last = calendar.monthrange(year, month)
        mask = 0
        for day in range(1, last + 1):
            weekday = (first + day) % WEEK  # 0 is Sunday
            if self._matches(day, weekday, last):
                mask |= 1 << (day - 1)
        return mask

    def _matches(self, day: int, weekday: int, last: int) -> bool:
        parsed = self._parsed
        ends_on = (weekday + last - day) % WEEK
        last_weekday = last - {SATURDAY: 1, SUNDAY: 2}.get(ends_on, 0)
        in_month = (
            day in parsed.days
            or (parsed.LAST in parsed.days and day == last)
            or (parsed.LAST_WEEKDAY in parsed.days and day == last_weekday)
        )
        names = {weekday, WEEK} if weekday == SUNDAY else {weekday}
        in_week = any(
            name in parsed.weekdays
            or (name, (day + 6) // WEEK) in parsed.weekdays
            or ((name, parsed.LAST) in parsed.weekdays and day + WEEK > last)
            for name in names
        )
        # Debian: a field that begins with * restricts nothing; two restricted ones are alternatives.
        return in_month and in_week if parsed.day_and else in_month or in_week

    def __contains__(self, number: int) -> bool:
        return self._all or self.count(number, number) == 1

    def count(self, first: int, last: int) -> int:
        """Return how many of the days first..last are named."""
        if self._all or last < first:
            return max(0, last - first + 1)
        return sum(mask.bit_count() for _, mask in self._months(first, last))

    def next(self, first: int, last: int) -> int | None:
        """Return the first named day in first..last."""
        if self._all:
            return first if first <= last else None
        for start, mask in self._months(first, last):
            if mask:
                return start + (mask & -mask).bit_length() - 1
        return None

    def previous(self, first: int, last: int) -> int | None:
        """Return the last named day in first..last."""
        if self._all:
            return last if first <= last else None
        for start, mask in reversed(list(self._months(first, last))):
            if mask:
                return start + mask.bit_length() - 1
        return None

    def _months(self, first: int, last: int) -> "list[tuple[int, int]]":
        """Return (number of the month's first day, bits of the days in first..last) for each month touched."""
        found = []
        date = datetime.fromordinal(first + EPOCH_ORDINAL)
        year, month = date.year, date.month
        start = first - date.day + 1
        while start <= last:
            length = calendar.monthrange(year, month)[1]
            mask = self._mask(year, month)
            mask &= -1 << max(0, first - start)
            mask &= (1 << min(length, last - start + 1)) - 1
            found.append((start, mask))
            start += length
            year, month = (year, month + 1) if month < 12 else (year + 1, 1)  # noqa: PLR2004 - December
        return found


def count(expression: Expression, low: Seconds, high: Seconds) -> int:
    """Return how many local times in [low, high), in seconds since 1970-01-01 00:00 local, the expression names."""
    if high <= low:
        return 0
    (first, from_time), (last, to_time) = divmod(low, DAY), divmod(high, DAY)
    times = expression.times
    whole = expression.days.count(first, last - 1) * len(times)
    before = bisect_left(times, from_time) if first in expression.days else 0
    after = bisect_left(times, to_time) if to_time and last in expression.days else 0
    return whole - before + after


def following(expression: Expression, low: Seconds, high: Seconds) -> Seconds | None:
    """Return the first local time in [low, high) that the expression names."""
    first, time = divmod(low, DAY)
    place = bisect_left(expression.times, time)
    if place < len(expression.times) and first in expression.days:
        found = first * DAY + expression.times[place]
        return found if found < high else None
    day = expression.days.next(first + 1, (high - 1) // DAY)
    if day is None:
        return None
    found = day * DAY + expression.times[0]
    return found if found < high else None


def preceding(expression: Expression, low: Seconds, high: Seconds) -> Seconds | None:
    """Return the last local time in [low, high) that the expression names."""
    last, time = divmod(high, DAY)
    place = bisect_left(expression.times, time)
    if place and last in expression.days:
        found = last * DAY + expression.times[place - 1]
        return found if found >= low else None
    day = expression.days.previous(low // DAY, last - 1)
    if day is None:
        return None
    found = day * DAY + expression.times[-1]
    return found if found >= low else None
