"""A schedule -> its slots. Pure: no clock, no file, no process; instants are UTC seconds.

What Debian's cron does when the clock changes is stated here once. An expression is wild if its minute or hour
field begins with `*`, else fixed.

- The clock jumps forward: local times in the gap don't exist. Wild ones don't run; fixed ones run once, in the
  first minute after the gap.
- The clock goes back: wild ones run in both passes of the repeated hour, fixed ones in the first only.
- A change of three hours or more is taken for a clock that was set: nothing is made up for or left out.
"""

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Protocol

from scheduled import cron as dialect
from scheduled.cron import Expression, ScheduleError
from scheduled.jobs import DAY, HOUR, MINUTE, Instant, Seconds
from scheduled.zones import Piece, pieces, transitions, year_of

__all__ = ["ScheduleError", "Timetable", "cron", "every", "lint", "never", "once", "parse_interval"]

SET_CLOCK: Seconds = (
    180 * MINUTE
)  # Debian cron's limit between a daylight saving change and a clock that was set
HORIZON = 41  # years: 29 February on a given weekday comes after 40 at the latest (2088-2128)
UNITS = {"s": 1, "m": MINUTE, "h": HOUR, "d": DAY}


class Timetable(Protocol):
    """The slots of a schedule."""

    def next_after(self, instant: Instant) -> Instant | None:
        """Return the first slot after *instant*."""

    def last_until(self, instant: Instant) -> Instant | None:
        """Return the last slot up to and including *instant*."""

    def count(self, after: Instant, until: Instant) -> int:
        """Return how many slots lie in (after, until]; its cost does not grow with their number."""

    def between(self, after: Instant, until: Instant) -> Iterator[Instant]:
        """Yield the slots in (after, until], ascending."""


class _Walking:
    """`between` for timetables that know `next_after`."""

    def next_after(self, instant: Instant) -> Instant | None:
        raise NotImplementedError

    def between(self, after: Instant, until: Instant) -> Iterator[Instant]:
        """See `Timetable.between`."""
        slot = self.next_after(after)
        while slot is not None and slot <= until:
            yield slot
            slot = self.next_after(slot)


class _Cron(_Walking):
    def __init__(self, expression: Expression, zone: str) -> None:
        self._expression = expression
        self._zone = zone

    def next_after(self, instant: Instant) -> Instant | None:
        """See `Timetable.next_after`."""
        year = year_of(instant)
        for later in range(year, year + HORIZON):
            for piece in pieces(self._zone, later):
                found = self._first(piece, instant + 1) if piece.end > instant + 1 else None
                if found is not None:
                    return found
        return None

    def last_until(self, instant: Instant) -> Instant | None:
        """See `Timetable.last_until`."""
        year = year_of(instant)
        for earlier in range(year, max(year - HORIZON, 1970), -1):
            for piece in reversed(pieces(self._zone, earlier)):
                found = self._last(piece, instant + 1) if piece.start <= instant else None
                if found is not None:
                    return found
        return None

    def count(self, after: Instant, until: Instant) -> int:
        """See `Timetable.count`."""
        if until <= after:
            return 0
        years = range(year_of(after), year_of(until) + 1)
        return sum(
            self._count(piece, after + 1, until + 1) for year in years for piece in pieces(self._zone, year)
        )

    def _local(self, piece: Piece) -> Seconds:
        """Return the local time from which the expression's times count in *piece*."""
        shift = piece.offset - piece.before
        if not self._expression.wild and -SET_CLOCK <= shift < 0:
            return piece.start + piece.before  # the second pass of the repeated hour
        return piece.start + piece.offset

    def _made_up(self, piece: Piece) -> bool:
        """Return whether the piece's first instant is a slot that makes up for times in the gap before it."""
        shift = piece.offset - piece.before
        if self._expression.wild or not 0 < shift < SET_CLOCK:
            return False
        gap = piece.start + piece.before, piece.start + piece.offset
        regular = dialect.following(self._expression, gap[1], gap[1] + 1)
        return regular is None and dialect.following(self._expression, *gap) is not None

    def _first(self, piece: Piece, low: Instant) -> Instant | None:
        """Return the piece's first slot at or after *low*."""
        if low <= piece.start and self._made_up(piece):
            return piece.start
        begin = max(self._local(piece), low + piece.offset)
        found = dialect.following(self._expression, begin, piece.end + piece.offset)
        return None if found is None else found - piece.offset

    def _last(self, piece: Piece, high: Instant) -> Instant | None:
        """Return the piece's last slot before *high*."""
        end = min(piece.end, high) + piece.offset
        begin = self._local(piece)
        found = dialect.preceding(self._expression, begin, end) if begin < end else None
        if found is not None:
            return found - piece.offset
        return piece.start if piece.start < high and self._made_up(piece) else None

    def _count(self, piece: Piece, low: Instant, high: Instant) -> int:
        """Return how many of the piece's slots lie in [low, high)."""
        if high <= piece.start or low >= piece.end:
            return 0
        begin = max(self._local(piece), low + piece.offset)
        made_up = low <= piece.start < high and self._made_up(piece)
        return made_up + dialect.count(self._expression, begin, min(piece.end, high) + piece.offset)


class _Every(_Walking):
    def __init__(self, seconds: Seconds, anchor: Instant) -> None:
        self._seconds = seconds
        self._anchor = anchor

    def next_after(self, instant: Instant) -> Instant | None:
        """See `Timetable.next_after`."""
        return self._anchor + max(0, (instant - self._anchor) // self._seconds + 1) * self._seconds

    def last_until(self, instant: Instant) -> Instant | None:
        """See `Timetable.last_until`."""
        steps = (instant - self._anchor) // self._seconds
        return None if steps < 0 else self._anchor + steps * self._seconds

    def count(self, after: Instant, until: Instant) -> int:
        """See `Timetable.count`."""
        return max(0, self._steps(until) - self._steps(after))

    def _steps(self, instant: Instant) -> int:
        return max(0, (instant - self._anchor) // self._seconds + 1)


class _Once(_Walking):
    def __init__(self, at: Instant | None) -> None:
        self._at = at

    def next_after(self, instant: Instant) -> Instant | None:
        """See `Timetable.next_after`."""
        return self._at if self._at is not None and self._at > instant else None

    def last_until(self, instant: Instant) -> Instant | None:
        """See `Timetable.last_until`."""
        return self._at if self._at is not None and self._at <= instant else None

    def count(self, after: Instant, until: Instant) -> int:
        """See `Timetable.count`."""
        return int(self._at is not None and after < self._at <= until)


@lru_cache(maxsize=16384)
def cron(expression: str, zone: str, seed: str = "") -> Timetable:
    """Return the slots of a cron expression in an IANA zone; *seed* (a job's name) spreads its `H` fields.

    Raises ScheduleError if it can't be read, or never fires.
    """
    return _Cron(Expression(expression, seed), zone)


def every(seconds: Seconds, anchor: Instant) -> Timetable:
    """Return slots *seconds* apart, the first at *anchor*."""
    return _Every(seconds, anchor)


def once(instant: Instant) -> Timetable:
    """Return a single slot."""
    return _Once(instant)


def never() -> Timetable:
    """Return no slots."""
    return _Once(None)


def parse_interval(text: str) -> Seconds:
    """Given `90s`, `30m`, `1h`, `24h`, `7d` or a sum such as `1h30m`, return seconds; raises ScheduleError."""
    words = re.findall(r"(\d{1,9})([smhd])", text.strip().lower())
    if not words or "".join(map("".join, words)) != text.strip().lower():
        raise ScheduleError(
            f'not an interval: {text!r} (write a number and a unit: "90s", "30m", "24h", "7d")'
        )
    seconds = sum(int(number) * UNITS[unit] for number, unit in words)
    if seconds <= 0:
        raise ScheduleError(f"an interval must be longer than nothing: {text!r}")
    return seconds


def lint(expression: str, zone: str, now: Instant) -> list[str]:
    """Return what a cron expression probably does not mean, and what the next year's clock changes do to it."""
    found = []
    fields = expression.split()
    if len(fields) == len(dialect.FIELDS) and not fields[2].startswith("*") and not fields[4].startswith("*"):
        found.append("day of month and day of week are both given: it runs on days that match either")
    times = cron(expression, zone, "lint")
    assert isinstance(times, _Cron)
    if not times._expression.wild:  # noqa: SLF001 - our own class
        year = year_of(now)
        changes = (*transitions(zone, year), *transitions(zone, year + 1))
        found += [
            text
            for change in changes
            if now < change[0] <= now + 366 * DAY
            for text in _doubts(times, zone, change)
        ]
    return found


def _doubts(times: _Cron, zone: str, change: tuple[Instant, Seconds, Seconds]) -> list[str]:
    from datetime import UTC, datetime

    at, before, after = change
    low, high = sorted((at + before, at + after))
    if dialect.following(times._expression, low, high) is None:  # noqa: SLF001 - our own class
        return []
    day = f"{datetime.fromtimestamp(at + before, UTC):%Y-%m-%d}"
    if after > before:
        return [f"on {day} the clock in {zone} skips its time: it runs once, right after the change"]
    return [f"on {day} the clock in {zone} shows its time twice: it runs the first time only"]
