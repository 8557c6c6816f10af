"""A parsed cron expression: its local days and times.

A local time is the number of seconds since 1970-01-01 00:00 local time.
"""

from bisect import bisect_left
from collections.abc import Sequence
from datetime import date
from functools import lru_cache

import msgspec

from scheduled.schedules.zones import DAY, EPOCH_ORDINAL, HOUR, MINUTE

# cronsim's constants for the last day of a month (also for its last Friday and so on), and for its last
# weekday.
LAST = -1000
LAST_WEEKDAY = -1001


class DayRule(msgspec.Struct, frozen=True):
    """The days that match. *both*: day of month and day of week must both match; otherwise one is enough."""

    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int | tuple[int, int]]
    both: bool


EVERY_DAY = DayRule(frozenset(range(1, 32)), frozenset(range(1, 13)), frozenset(range(8)), both=True)


class Expression(msgspec.Struct, frozen=True):
    """A parsed expression. It occurs at all *hours* x *minutes* (both ascending) on the days of *rule*.

    *fixed*: neither the minute nor the hour field begins with a star ("fixed-time job" in Debian's cron).
    """

    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    rule: DayRule
    fixed: bool

    def rank(self, days: Sequence[int], local: int) -> int:
        """Return how many occurrences on *days* (ascending, from 1970-01-01) come before the local time."""
        day, second = divmod(local, DAY)
        whole = bisect_left(days, day)
        rank = whole * len(self.hours) * len(self.minutes)
        return rank + self._rank_in_day(second) if whole < len(days) and days[whole] == day else rank

    def _rank_in_day(self, second: int) -> int:
        # Rounded up to the minute: an occurrence at 12:30:00 comes before 12:30:01.
        hour, minute = divmod(-(-second // MINUTE), 60)
        whole = bisect_left(self.hours, hour)
        rank = whole * len(self.minutes)
        if whole < len(self.hours) and self.hours[whole] == hour:
            return rank + bisect_left(self.minutes, minute)
        return rank

    def at(self, days: Sequence[int], rank: int) -> int:
        """Return the local time of the occurrence with this *rank* on *days*. The first has rank 0."""
        hours, minute = divmod(rank, len(self.minutes))
        day, hour = divmod(hours, len(self.hours))
        return days[day] * DAY + self.hours[hour] * HOUR + self.minutes[minute] * MINUTE


@lru_cache(maxsize=8192)
def days_around(rule: DayRule, year: int) -> tuple[int, ...]:
    """Return the matching days of a year, of the December before it and of the January after it.

    Days are counted from 1970-01-01. The extra months are needed because the local days of a UTC year extend
    into both neighbouring years.
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
    """Return the matching dates of a month of *length* days that begins on weekday *first* (0: Sunday)."""
    by_date = _by_date(rule, first, length)
    by_weekday = _by_weekday(rule, first, length)
    return sorted(by_date & by_weekday if rule.both else by_date | by_weekday)


def _by_date(rule: DayRule, first: int, length: int) -> set[int]:
    found = {day for day in rule.days if 0 < day <= length}
    if LAST in rule.days:
        found.add(length)
    if LAST_WEEKDAY in rule.days:
        # If the month ends on a Saturday or Sunday, its last weekday is the Friday before.
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
