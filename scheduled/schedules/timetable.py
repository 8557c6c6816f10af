"""Timetables: the slots of schedules, by pure arithmetic.

Instants are UTC seconds since the epoch. Spans are (after, until], so that adjacent spans have no slot in
common.
"""

from bisect import bisect_right
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import groupby
from typing import Protocol

from scheduled.schedules.schedule import ScheduleError

FOREVER_AGO, FOREVER = -(1 << 62), 1 << 62


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
        """Return the number of slots in (after, until].

        Except in a `union`, the cost is independent of it.
        """
        ...

    def between(self, after: int, until: int) -> Iterator[int]:
        """Return the slots in (after, until], ascending, lazily."""
        ...

    def span(self, after: int, until: int) -> tuple[int, int, int] | None:
        """Return the first slot, the last slot and the number of slots in (after, until], or None."""
        first, last = self.next_after(after), self.last_until(until)
        if first is None or last is None or first > until:
            return None
        return first, last, self.count(after, until)


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
    """The given slots, which must be ascending."""

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


def every(seconds: int, anchor: int) -> Timetable:
    """Return the slots *anchor* + k * *seconds*, k = 0, 1, 2, ... Raise ScheduleError if *seconds* < 1."""
    if seconds < 1:
        raise ScheduleError(f"every: {seconds} s is not a positive interval: write 1 or more seconds")
    return _Every(seconds, anchor)


def once(instant: int) -> Timetable:
    """Return the timetable with one slot, at *instant*."""
    return _Listed(instant)


def never() -> Timetable:
    """Return the timetable without slots."""
    return _Listed()


class _Without(Timetable):
    """The slots of *times* except the slots *gone*."""

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
    """Return *times* without the given slots. A given instant that is no slot of *times* is ignored."""
    gone = frozenset(slot for slot in slots if times.last_until(slot) == slot)
    return _Without(times, gone) if gone else times


class _Union(Timetable):
    """The slots of all *members*, without duplicates."""

    __slots__ = ("_members",)

    def __init__(self, members: Sequence[Timetable]) -> None:
        self._members = members

    def next_after(self, instant: int) -> int | None:
        found = (times.next_after(instant) for times in self._members)
        return min((slot for slot in found if slot is not None), default=None)

    def last_until(self, instant: int) -> int | None:
        found = (times.last_until(instant) for times in self._members)
        return max((slot for slot in found if slot is not None), default=None)

    def count(self, after: int, until: int) -> int:
        # The slots of the densest member are counted arithmetically; only those of the others are checked one
        # by one.
        counts = [times.count(after, until) for times in self._members]
        order = sorted(range(len(counts)), key=counts.__getitem__, reverse=True)
        dense = [self._members[place] for place in order]
        further = (
            _not_in(dense[:number], dense[number].between(after, until)) for number in range(1, len(dense))
        )
        return max(counts) + sum(further)

    def between(self, after: int, until: int) -> Iterator[int]:
        from heapq import merge

        return (slot for slot, _ in groupby(merge(*(times.between(after, until) for times in self._members))))


def _not_in(others: Sequence[Timetable], slots: Iterable[int]) -> int:
    return sum(not any(times.count(slot - 1, slot) for times in others) for slot in slots)


def union(members: Iterable[Timetable]) -> Timetable:
    """Return the slots of all *members*, without duplicates. A single member is returned unchanged.

    `count` checks each slot of the members other than the densest against the rest: 365 checks for a year of
    a daily and a minutely schedule, 8,784 for an hourly and a minutely one.
    """
    known = tuple(members)
    if not known:
        return never()
    return known[0] if len(known) == 1 else _Union(known)


class _Joined(Timetable):
    """The slots of several timetables, each for its own span of time."""

    __slots__ = ("_pieces",)

    def __init__(self, pieces: Sequence[tuple[int, int, Timetable]]) -> None:
        self._pieces = pieces

    def next_after(self, instant: int) -> int | None:
        for low, high, times in self._pieces:
            slot = times.next_after(max(instant, low)) if instant < high else None
            if slot is not None and slot <= high:
                return slot
        return None

    def last_until(self, instant: int) -> int | None:
        for low, high, times in reversed(self._pieces):
            slot = times.last_until(min(instant, high)) if instant > low else None
            if slot is not None and slot > low:
                return slot
        return None

    def count(self, after: int, until: int) -> int:
        return sum(times.count(low, high) for low, high, times in self._within(after, until))

    def between(self, after: int, until: int) -> Iterator[int]:
        for low, high, times in self._within(after, until):
            yield from times.between(low, high)

    def _within(self, after: int, until: int) -> Iterator[tuple[int, int, Timetable]]:
        for low, high, times in self._pieces:
            if max(low, after) < min(high, until):
                yield max(low, after), min(high, until), times


def joined(former: Iterable[tuple[int, Timetable]], last: Timetable) -> Timetable:
    """Return the slots of several timetables that follow each other.

    *former* are the earlier ones, ascending, each with the instant up to which its slots count. After them the slots of
    *last* count.
    """
    pieces, low = [], FOREVER_AGO
    for until, times in former:
        pieces.append((low, until, times))
        low = until
    return _Joined([*pieces, (low, FOREVER, last)]) if pieces else last
