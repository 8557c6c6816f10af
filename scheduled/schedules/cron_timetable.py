"""The slots of a cron expression: its local times as instants in a time zone.

The behaviour at clock changes is in `clock_changes`.
"""

from collections.abc import Iterator
from functools import lru_cache

from scheduled.schedules.clock_changes import Stretch, stretches
from scheduled.schedules.cron import parse
from scheduled.schedules.cron_days import Expression, days_around
from scheduled.schedules.schedule import ScheduleError
from scheduled.schedules.timetable import Timetable
from scheduled.schedules.zones import DAY, find, year_of

# The longest possible gap between two slots: February 29 on a given weekday can be 40 years away around a
# century.
HORIZON = 41 * 366 * DAY


class _Cron(Timetable):
    """The slots of a cron expression in a zone, as in Debian's cron.

    A plan asks several times for the slots before and after the same instant, and jobs with the same expression share a
    timetable. So the last answers are kept, each with the span of instants that have it.
    """

    __slots__ = ("_expression", "_newest", "_next", "_zone")

    def __init__(self, expression: Expression, zone: str) -> None:
        self._expression = expression
        self._zone = zone
        self._next = (0, 0)  # an instant, and the slot that comes next after it
        self._newest = (1, 0)  # a slot, and an instant at which it is the newest one

    def next_after(self, instant: int) -> int | None:
        known, slot = self._next
        if known <= instant < slot:
            return slot
        for days, stretch, ranks in self._runs(instant + 1, instant + HORIZON):
            slot = self._slot(days, stretch, ranks[0])
            self._next = instant, slot
            return slot
        return None

    def last_until(self, instant: int) -> int | None:
        slot, known = self._newest
        if slot <= instant <= known:
            return slot
        for days, stretch, ranks in self._runs(instant - HORIZON, instant + 1, step=-1):
            slot = self._slot(days, stretch, ranks[-1])
            self._newest = slot, instant
            return slot
        return None

    def count(self, after: int, until: int) -> int:
        return sum(len(ranks) for _, _, ranks in self._runs(after + 1, until + 1))

    def between(self, after: int, until: int) -> Iterator[int]:
        for days, stretch, ranks in self._runs(after + 1, until + 1):
            for rank in ranks:
                yield self._slot(days, stretch, rank)

    def span(self, after: int, until: int) -> tuple[int, int, int] | None:
        # One pass for all three values: planning thousands of jobs spends most of its time here.
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
        """Yield each stretch with slots in [first, end): its year's days, the stretch and the slots' ranks.

        With *step* -1 the newest stretch comes first.
        """
        years = range(year_of(first), year_of(end - 1) + 1)
        for year in years[::step]:
            days = days_around(self._expression.rule, year)
            for stretch in stretches(self._zone, year, fixed=self._expression.fixed)[::step]:
                low, high = max(first, stretch.start), min(end, stretch.end)
                if low < high and (ranks := self._ranks(days, stretch, low, high)):
                    yield days, stretch, ranks

    def _ranks(self, days: tuple[int, ...], stretch: Stretch, low: int, high: int) -> range:
        local = low + stretch.offset if stretch.squeezed_from is None else stretch.squeezed_from
        ranks = range(self._expression.rank(days, local), self._expression.rank(days, high + stretch.offset))
        # Debian's cron runs the job once for each occurrence in the gap, all at the same time; here they are
        # one slot.
        return ranks if stretch.squeezed_from is None else ranks[-1:]

    def _slot(self, days: tuple[int, ...], stretch: Stretch, rank: int) -> int:
        return max(self._expression.at(days, rank) - stretch.offset, stretch.start)


def cron(expression: str, zone: str, seed: str = "") -> Timetable:
    """Return the slots of a cron expression in the IANA zone *zone*. *seed*, the job's name, determines `H`.

    Raise ScheduleError if the expression or the zone is invalid.
    """
    if "H" in expression:
        from scheduled.schedules.cron_hash import resolve

        expression = resolve(expression, seed)
    return _cron(expression, zone)


# Cached after `H` is resolved, so that jobs with different names can share an entry.
@lru_cache(maxsize=1 << 16)
def _cron(expression: str, zone: str) -> Timetable:
    parsed = parse(expression)
    try:
        find(zone)
    except LookupError:
        raise ScheduleError(
            f"timezone: no such time zone: {zone!r}: write a name such as Europe/Berlin"
        ) from None
    return _Cron(parsed, zone)
