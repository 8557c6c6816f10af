"""Time zones as a list of transitions: between two of them local time is UTC plus a constant. Pure.

Instants and offsets are seconds; an instant counts from the epoch in UTC.
"""

from datetime import UTC, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

from scheduled.jobs import DAY, Instant, Seconds

# No zone has ever changed back sooner: the shortest stays (Ramadan in Morocco and Egypt) last four weeks.
STEP = 7 * DAY


class Piece:
    """A stretch [start, end) of constant *offset*; *before* is the offset until *start* (the same at a mere seam)."""

    __slots__ = ("before", "end", "offset", "start")

    def __init__(self, start: Instant, end: Instant, offset: Seconds, before: Seconds) -> None:
        self.start = start
        self.end = end
        self.offset = offset
        self.before = before


def year_of(instant: Instant) -> int:
    """Return the UTC year in which *instant* lies."""
    return datetime.fromtimestamp(instant, UTC).year


@lru_cache(maxsize=4096)
def new_year(year: int) -> Instant:
    """Return the first instant of a UTC year."""
    return int(datetime(year, 1, 1, tzinfo=UTC).timestamp())


def offset_at(zone: str, instant: Instant) -> Seconds:
    """Return the zone's offset from UTC at *instant*."""
    offset = datetime.fromtimestamp(instant, ZoneInfo(zone)).utcoffset()
    return int(offset.total_seconds()) if offset is not None else 0


@lru_cache(maxsize=4096)
def transitions(zone: str, year: int) -> tuple[tuple[Instant, Seconds, Seconds], ...]:
    """Return a UTC year's changes of offset as (instant, offset before, offset after)."""
    found, at, end = [], new_year(year), new_year(year + 1)
    offset = offset_at(zone, at - 1)
    while at < end:
        upto = min(at + STEP, end)
        if offset_at(zone, upto - 1) != offset:
            change = _search(zone, at - 1, upto - 1, offset)
            found.append((change, offset, offset_at(zone, change)))
            offset = found[-1][2]
            at = change + 1
        else:
            at = upto
    return tuple(found)


def _search(zone: str, low: Instant, high: Instant, offset: Seconds) -> Instant:
    """Return the first instant in (low, high] that no longer has *offset*."""
    while high - low > 1:
        middle = (low + high) // 2
        if offset_at(zone, middle) == offset:
            low = middle
        else:
            high = middle
    return high


@lru_cache(maxsize=4096)
def pieces(zone: str, year: int) -> tuple[Piece, ...]:
    """Return a UTC year's stretches of constant offset, in order."""
    start, end = new_year(year), new_year(year + 1)
    offset = before = offset_at(zone, start - 1)
    found = []
    for at, _, after in transitions(zone, year):
        if at > start:
            found.append(Piece(start, at, offset, before))
        start, before, offset = at, offset, after
    return (*found, Piece(start, end, offset, before))
