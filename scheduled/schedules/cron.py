"""The dialect of Debian's cron: reading an expression, and the local days and times it names.

Beyond Debian's, cronsim's `L` (last day), `LW` (last weekday), `5L` and `5#2` (last, second Friday) are read.
A local time is a number of seconds since 1970-01-01 00:00 on the local clock.
"""

from bisect import bisect_left
from collections.abc import Sequence
from datetime import date
from functools import lru_cache
from typing import TYPE_CHECKING

import msgspec

from scheduled.schedules.zones import DAY, EPOCH, EPOCH_ORDINAL, HOUR, MINUTE

if TYPE_CHECKING:
    from cronsim import CronSim

MACROS = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
FIELDS = ("minute", "hour", "day-of-month", "month", "day-of-week")
RANGES = {
    "minute": (0, 59),
    "hour": (0, 23),
    "day-of-month": (1, 31),
    "month": (1, 12),
    "day-of-week": (0, 7),
}
# cronsim's marks for the last day (or weekday) of a month, and for its last Friday and the like.
LAST = -1000
LAST_WEEKDAY = -1001
# 28 years without a century in between: each of the fourteen calendars, so that what never comes in them never comes.
EVERY_CALENDAR = range(2000, 2028)


class ScheduleError(ValueError):
    """A schedule that can't be: the message names the field and says what to write."""


class DayRule(msgspec.Struct, frozen=True):
    """Which days match. *both*: day of month and day of week must match, otherwise one of them is enough."""

    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int | tuple[int, int]]
    both: bool


EVERY_DAY = DayRule(frozenset(range(1, 32)), frozenset(range(1, 13)), frozenset(range(8)), both=True)


class Expression(msgspec.Struct, frozen=True):
    """A parsed expression: its local occurrences are all *hours* x *minutes* (ascending) of the days of *rule*.

    *fixed* is Debian's word for an expression of which neither minute nor hour begins with a star.
    """

    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    rule: DayRule
    fixed: bool

    def rank(self, days: Sequence[int], local: int) -> int:
        """Return how many occurrences on *days* (ascending, since 1970-01-01) come before the local time."""
        day, second = divmod(local, DAY)
        whole = bisect_left(days, day)
        rank = whole * len(self.hours) * len(self.minutes)
        return rank + self._rank_in_day(second) if whole < len(days) and days[whole] == day else rank

    def _rank_in_day(self, second: int) -> int:
        # Rounded up: an occurrence at 12:30:00 comes before 12:30:01.
        hour, minute = divmod(-(-second // MINUTE), 60)
        whole = bisect_left(self.hours, hour)
        rank = whole * len(self.minutes)
        if whole < len(self.hours) and self.hours[whole] == hour:
            return rank + bisect_left(self.minutes, minute)
        return rank

    def at(self, days: Sequence[int], rank: int) -> int:
        """Return the local time of an occurrence on *days*, the first of which has rank 0."""
        hours, minute = divmod(rank, len(self.minutes))
        day, hour = divmod(hours, len(self.hours))
        return days[day] * DAY + self.hours[hour] * HOUR + self.minutes[minute] * MINUTE


@lru_cache(maxsize=8192)
def days_around(rule: DayRule, year: int) -> tuple[int, ...]:
    """Return the days (since 1970-01-01) that match in a year, the December before and the January after it.

    The margin is there because the local days of a UTC year reach into its neighbours.
    """
    months = range(12 * year - 1, 12 * year + 13)
    return tuple(day for month in months for day in _days_of_month(rule, month))


def _days_of_month(rule: DayRule, months: int) -> list[int]:
    year, month = divmod(months, 12)
    if month + 1 not in rule.months:
        return []
    first = date(year, month + 1, 1).toordinal()
    length = date(year + month // 11, (month + 1) % 12 + 1, 1).toordinal() - first
    return [first - EPOCH_ORDINAL + day - 1 for day in _dates(rule, first % 7, length)]


@lru_cache(maxsize=8192)
def _dates(rule: DayRule, first: int, length: int) -> list[int]:
    """Return the dates that match in a month of *length* days whose first is the weekday *first* (0 = Sunday)."""
    by_date = _by_date(rule, first, length)
    by_weekday = _by_weekday(rule, first, length)
    return sorted(by_date & by_weekday if rule.both else by_date | by_weekday)


def _by_date(rule: DayRule, first: int, length: int) -> set[int]:
    found = {day for day in rule.days if 0 < day <= length}
    if LAST in rule.days:
        found.add(length)
    if LAST_WEEKDAY in rule.days:
        # How far Saturday and Sunday are from the Friday before them.
        found.add(length - {6: 1, 0: 2}.get((first + length - 1) % 7, 0))
    return found


def _by_weekday(rule: DayRule, first: int, length: int) -> set[int]:
    found: set[int] = set()
    for item in rule.weekdays:
        weekday, which = item if isinstance(item, tuple) else (item, None)
        dates = range(1 + (weekday - first) % 7, length + 1, 7)
        if which is not None:
            dates = dates[-1:] if which == LAST else dates[which - 1 : which]
        found.update(dates)
    return found


def parse(expression: str) -> Expression:
    """Read five fields or a macro such as @daily; raises ScheduleError."""
    minute, hour, day, month, weekday = _split(expression)
    fixed = not minute.startswith("*") and not hour.startswith("*")
    return Expression(_minutes(minute), _hours(hour), _rule(day, month, weekday), fixed)


def _split(expression: str) -> list[str]:
    if expression.lstrip().startswith("@"):
        return _macro(expression.strip()).split()
    fields = expression.split()
    if len(fields) != len(FIELDS):
        seconds = "; cron knows no seconds" if len(fields) == len(FIELDS) + 1 else ""
        raise ScheduleError(
            f"{expression!r} has {len(fields)} field{'s' * (len(fields) != 1)}: "
            f"write five ({' '.join(FIELDS)}), such as 30 4 * * *{seconds}"
        )
    return fields


# Field by field: however many jobs there are, they share most of their fields.
@lru_cache(maxsize=4096)
def _minutes(field: str) -> tuple[int, ...]:
    return _plainly("minute", field) or tuple(sorted(_read(minute=field).minutes))


@lru_cache(maxsize=4096)
def _hours(field: str) -> tuple[int, ...]:
    return _plainly("hour", field) or tuple(sorted(_read(hour=field).hours))


def _plainly(name: str, field: str) -> tuple[int, ...]:
    """Return what a star or a number says, nothing for another field: most need no parser, nor its import."""
    least, most = RANGES[name]
    if field == "*":
        return tuple(range(least, most + 1))
    number = int(field) if field.isascii() and field.isdecimal() and len(field) <= len(str(most)) else -1
    return (number,) if least <= number <= most else ()


@lru_cache(maxsize=4096)
def _rule(day: str, month: str, weekday: str) -> DayRule:
    if (day, month, weekday) == ("*", "*", "*"):
        return EVERY_DAY
    sim = _read(day=day, month=month, weekday=weekday)
    rule = DayRule(frozenset(sim.days), frozenset(sim.months), frozenset(sim.weekdays), sim.day_and)
    if not any(days_around(rule, year) for year in EVERY_CALENDAR):
        raise _never(day, month, weekday)
    return rule


def _macro(name: str) -> str:
    if name == "@reboot":
        raise ScheduleError(
            "@reboot is no time of the clock: start the job from an @reboot line of the crontab, "
            "or write when it is due, such as @daily"
        )
    if name not in MACROS:
        raise ScheduleError(f"{name!r} is unknown: write five fields or one of {', '.join(MACROS)}")
    return MACROS[name]


def _check_term(name: str, term: str) -> None:
    """Refuse what Debian's cron refuses and cronsim reads, and explain a range that ends before it begins."""
    term, slash, step = term.partition("/")
    low, dash, high = term.partition("-")
    least, most = RANGES[name]
    if slash and term != "*" and not dash:
        instead = f"{term}-{most}/{step}" if term.isdecimal() else f"{least}-{most}/{step} or */{step}"
        raise ScheduleError(f"{name}: a step needs a range, {term}/{step} has none: write {instead}")
    numbers = low.isdecimal() and high.isdecimal() and len(term) <= len("23-59")
    if numbers and least <= int(high) < int(low) <= most:
        instead = f"{low}-{most},{least}-{high}"
        raise ScheduleError(f"{name}: {term} ends before it begins: write {instead}")


def _read(
    minute: str = "*", hour: str = "*", day: str = "*", month: str = "*", weekday: str = "*"
) -> "CronSim":
    from cronsim import CronSim, CronSimError

    fields = (minute, hour, day, month, weekday)
    for name, field in zip(FIELDS, fields, strict=True):
        for term in field.split(","):
            _check_term(name, term)
    try:
        return CronSim(" ".join(fields), EPOCH)
    except (CronSimError, ValueError) as error:
        raise _not_understood(fields) from error


def _not_understood(fields: Sequence[str]) -> ScheduleError:
    """Return the error of fields that cronsim refuses, by trying each of them by itself."""
    from cronsim import CronSim, CronSimError

    for place, (name, field) in enumerate(zip(FIELDS, fields, strict=True)):
        alone = ["*"] * len(FIELDS)
        alone[place] = field
        try:
            CronSim(" ".join(alone), EPOCH)
        except (CronSimError, ValueError):
            least, most = RANGES[name]
            return ScheduleError(
                f"{name}: {field!r} is not understood: write numbers from {least} to {most}, "
                f"*, */2, a range {least}-{least + 4} or a list {least},{least + 2}"
            )
    # Each for itself is right: cronsim has seen that no such month has that many days.
    return _never(*fields[2:])


def _never(day: str, month: str, weekday: str) -> ScheduleError:
    return ScheduleError(
        f"day-of-month, month, day-of-week: no day ever matches {day} {month} {weekday}: "
        "write a day that the month has, or L for its last day"
    )
