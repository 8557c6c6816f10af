"""Schedules and their slots: pure arithmetic, in which time is a parameter.

Instants are UTC seconds since the epoch; spans are (after, until], so that neighbouring spans share no slot.
"""

from bisect import bisect_right
from collections.abc import Collection, Iterator
from functools import lru_cache
from typing import Protocol

from scheduled.schedules import zones
from scheduled.schedules.cron import Expression, ScheduleError, days_around, parse
from scheduled.schedules.zones import DAY, Stretch

__all__ = [
    "ScheduleError",
    "Timetable",
    "cron",
    "every",
    "never",
    "once",
    "without",
]

# February 29 on a given weekday is the rarest day there is: it stays away for 40 years around a century.
HORIZON = 41 * 366 * DAY


class Timetable(Protocol):
    """The slots of one schedule: strictly ascending instants."""

    __slots__ = ()

    def next_after(self, instant: int) -> int | None:
        """Return the first slot after *instant*, or None if there is none (within 40 years)."""
        ...

    def last_until(self, instant: int) -> int | None:
        """Return the last slot at or before *instant*, or None if there is none (within 40 years)."""
        ...

    def count(self, after: int, until: int) -> int:
        """Return the number of slots in (after, until], at a cost that does not depend on it."""
        ...

    def between(self, after: int, until: int) -> Iterator[int]:
        """Return the slots in (after, until], ascending, lazily."""
        ...

    def span(self, after: int, until: int) -> tuple[int, int, int] | None:
        """Return the first and the last slot in (after, until] and their number, or None if there are none."""
        first, last = self.next_after(after), self.last_until(until)
        if first is None or last is None or first > until:
            return None
        return first, last, self.count(after, until)


class _Cron(Timetable):
    """The slots of a cron expression in a zone, as Debian's cron would run it."""

    __slots__ = ("_expression", "_zone")

    def __init__(self, expression: Expression, zone: str) -> None:
        self._expression = expression
        self._zone = zone

    def next_after(self, instant: int) -> int | None:
        for days, stretch, ranks in self._runs(instant + 1, instant + HORIZON):
            return self._slot(days, stretch, ranks[0])
        return None

    def last_until(self, instant: int) -> int | None:
        for days, stretch, ranks in self._runs(instant - HORIZON, instant + 1, step=-1):
            return self._slot(days, stretch, ranks[-1])
        return None

    def count(self, after: int, until: int) -> int:
        return sum(len(ranks) for _, _, ranks in self._runs(after + 1, until + 1))

    def between(self, after: int, until: int) -> Iterator[int]:
        for days, stretch, ranks in self._runs(after + 1, until + 1):
            for rank in ranks:
                yield self._slot(days, stretch, rank)

    def span(self, after: int, until: int) -> tuple[int, int, int] | None:
        # All three at once: a plan of thousands of jobs asks for little else.
        runs = list(self._runs(after + 1, until + 1))
        if not runs:
            return None
        (first_days, first_stretch, first_ranks), (days, stretch, ranks) = runs[0], runs[-1]
        first, last = (
            self._slot(first_days, first_stretch, first_ranks[0]),
            self._slot(days, stretch, ranks[-1]),
        )
        return first, last, sum(len(ranks) for _, _, ranks in runs)

    def _runs(self, first: int, end: int, step: int = 1) -> Iterator[tuple[tuple[int, ...], Stretch, range]]:
        """Yield the stretches that have slots in [first, end), each with the ranks of these among its year's days.

        With *step* -1 the newest stretch comes first.
        """
        years = range(zones.year_of(first), zones.year_of(end - 1) + 1)
        for year in years[::step]:
            days = days_around(self._expression.rule, year)
            for stretch in zones.stretches(self._zone, year, fixed=self._expression.fixed)[::step]:
                low, high = max(first, stretch.start), min(end, stretch.end)
                if low < high and (ranks := self._ranks(days, stretch, low, high)):
                    yield days, stretch, ranks

    def _ranks(self, days: tuple[int, ...], stretch: Stretch, low: int, high: int) -> range:
        local = low + stretch.offset if stretch.squeezed_from is None else stretch.squeezed_from
        ranks = range(self._expression.rank(days, local), self._expression.rank(days, high + stretch.offset))
        # Debian's cron runs a job for each occurrence of the gap at once; here these are one slot.
        return ranks if stretch.squeezed_from is None else ranks[-1:]

    def _slot(self, days: tuple[int, ...], stretch: Stretch, rank: int) -> int:
        return max(self._expression.at(days, rank) - stretch.offset, stretch.start)


class _Every(Timetable):
    """The slots anchor, anchor + seconds, anchor + 2 * seconds, ..."""

    __slots__ = ("_anchor", "_seconds")

    def __init__(self, seconds: int, anchor: int) -> None:
        self._seconds = seconds
        self._anchor = anchor

    def next_after(self, instant: int) -> int | None:
        return self._anchor + self._passed(instant) * self._seconds

    def last_until(self, instant: int) -> int | None:
        passed = self._passed(instant)
        return self._anchor + (passed - 1) * self._seconds if passed else None

    def count(self, after: int, until: int) -> int:
        return max(0, self._passed(until) - self._passed(after))

    def between(self, after: int, until: int) -> Iterator[int]:
        for number in range(self._passed(after), self._passed(until)):
            yield self._anchor + number * self._seconds

    def _passed(self, instant: int) -> int:
        """Return the number of slots at or before *instant*."""
        return max(0, (instant - self._anchor) // self._seconds + 1)


class _Listed(Timetable):
    """The given slots and no others."""

    __slots__ = ("_slots",)

    def __init__(self, *slots: int) -> None:
        self._slots = slots

    def next_after(self, instant: int) -> int | None:
        return next(iter(self._slots[bisect_right(self._slots, instant) :]), None)

    def last_until(self, instant: int) -> int | None:
        return next(reversed(self._slots[: bisect_right(self._slots, instant)]), None)

    def count(self, after: int, until: int) -> int:
        return len(list(self.between(after, until)))

    def between(self, after: int, until: int) -> Iterator[int]:
        return iter(self._slots[bisect_right(self._slots, after) : bisect_right(self._slots, until)])


def cron(expression: str, zone: str, seed: str = "") -> Timetable:
    """Return the slots of a cron expression on the clocks of an IANA zone; raises ScheduleError.

    *seed*, the job's name, says where `H` falls.
    """
    if "H" in expression:
        from scheduled.schedules.cron_hash import resolve

        expression = resolve(expression, seed)
    return _cron(expression, zone)


# Behind the drawing of H, so that jobs of different names share what they can.
@lru_cache(maxsize=1 << 16)
def _cron(expression: str, zone: str) -> Timetable:
    parsed = parse(expression)
    try:
        zones.find(zone)
    except LookupError:
        raise ScheduleError(
            f"timezone: no such time zone: {zone!r}: write a name such as Europe/Berlin"
        ) from None
    return _Cron(parsed, zone)


def every(seconds: int, anchor: int) -> Timetable:
    """Return the slots *anchor* + k * *seconds* for k = 0, 1, 2, ...; raises ScheduleError."""
    if seconds < 1:
        raise ScheduleError(f"every: {seconds} seconds is no interval: write one second or more")
    return _Every(seconds, anchor)


def once(instant: int) -> Timetable:
    """Return the one slot at *instant*."""
    return _Listed(instant)


def never() -> Timetable:
    """Return no slots."""
    return _Listed()


class _Without(Timetable):
    """The slots of *times* but for some."""

    __slots__ = ("_gone", "_times")

    def __init__(self, times: Timetable, gone: frozenset[int]) -> None:
        self._times = times
        self._gone = gone

    def next_after(self, instant: int) -> int | None:
        slot = self._times.next_after(instant)
        while slot in self._gone:
            slot = self._times.next_after(slot)
        return slot

    def last_until(self, instant: int) -> int | None:
        slot = self._times.last_until(instant)
        while slot in self._gone:
            slot = self._times.last_until(slot - 1)
        return slot

    def count(self, after: int, until: int) -> int:
        return self._times.count(after, until) - sum(after < slot <= until for slot in self._gone)

    def between(self, after: int, until: int) -> Iterator[int]:
        return (slot for slot in self._times.between(after, until) if slot not in self._gone)


def without(times: Timetable, slots: Collection[int]) -> Timetable:
    """Return *times* but for those of its slots that are given."""
    gone = frozenset(slot for slot in slots if times.last_until(slot) == slot)
    return _Without(times, gone) if gone else times
