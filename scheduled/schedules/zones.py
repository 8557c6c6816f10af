"""The time line of a zone, cut into stretches in which its clocks do not change.

Instants are UTC seconds since the epoch; a local time is *instant + offset*, seconds too. The rules of what
cron does at a change are those of Debian's cron.c, whose `virtualTime` is the local minute it has worked up to.
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo

import msgspec

Instant = int  # UTC seconds since the epoch
Seconds = int

MINUTE: Seconds = 60
HOUR = 60 * MINUTE
DAY = 24 * HOUR
MEAN_YEAR = 146097 * DAY // 400
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
EPOCH_ORDINAL = EPOCH.toordinal()
# One year off the ends of datetime's range, so that local times and neighbouring months still fit.
FIRST_YEAR, LAST_YEAR = 2, 9998
# Two changes that undo each other are both found if they are further apart than this.
# The closest since 1970 are 6.96 days apart (Recife in 2000), in all of IANA's data 3.99 (Freetown in 1939).
COARSE = 3 * DAY
# Debian's cron takes a jump beyond three hours for a clock that was set, and just goes on from there.
RESET = 3 * HOUR
# No change is so large that its effects outlast this.
LOOK_BACK = 2 * DAY


class Change(msgspec.Struct, frozen=True):
    """At the instant *at* the offset from UTC changes from *before* to *after* (seconds)."""

    at: int
    before: int
    after: int


class Stretch(msgspec.Struct, frozen=True):
    """The instants from *start* up to, not including, *end*, with one offset from UTC.

    If *squeezed_from* is given, the stretch is the one instant *start*, at which everything happens that the
    local clock should have shown from *squeezed_from* on.
    """

    start: int
    end: int
    offset: int
    squeezed_from: int | None = None


def find(key: str) -> tzinfo:
    """Return the zone of an IANA key; raises LookupError if there is none."""
    try:
        # UTC must work where no time zone data is installed.
        return UTC if key == "UTC" else ZoneInfo(key)
    except (KeyError, ValueError, OSError) as error:
        raise LookupError(key) from error


def year_of(instant: int) -> int:
    """Return the UTC year of an instant, or the nearest year that can be computed with."""
    inside = min(max(instant, start_of(FIRST_YEAR)), start_of(LAST_YEAR))
    # Counted in mean years it may be off by one, near the turn of a year.
    year = EPOCH.year + inside // MEAN_YEAR
    return year + (inside >= start_of(year + 1)) - (inside < start_of(year))


@lru_cache(maxsize=1024)
def start_of(year: int) -> int:
    """Return the instant at which the UTC year begins."""
    return (date(year, 1, 1).toordinal() - EPOCH_ORDINAL) * DAY


def changes(key: str, after: int, until: int) -> list[Change]:
    """Return the changes of the zone's offset in (after, until], ascending."""
    zone = find(key)
    return list(_changes(zone, after, until, _offset(zone, after), _offset(zone, until)))


def _changes(zone: tzinfo, low: int, high: int, before: int, after: int) -> Iterator[Change]:
    """Halve (low, high] for as long as it can hold a change; *before* and *after* are the offsets at its ends."""
    if before == after and high - low <= COARSE:
        return
    if high - low == 1:
        yield Change(high, before, after)
        return
    middle = (low + high) // 2
    between = _offset(zone, middle)
    yield from _changes(zone, low, middle, before, between)
    yield from _changes(zone, middle, high, between, after)


def _offset(zone: tzinfo, instant: int) -> int:
    offset = datetime.fromtimestamp(instant, zone).utcoffset()
    assert offset is not None
    return offset.days * DAY + offset.seconds


@lru_cache(maxsize=8192)
def stretches(key: str, year: int, *, fixed: bool) -> tuple[Stretch, ...]:
    """Return the stretches of a UTC year in which cron runs wildcard jobs or, with *fixed*, fixed-time jobs.

    Wildcard jobs follow the clock on the wall: what it leaves out never runs, what it shows twice runs twice.
    """
    start, end = start_of(year), start_of(year + 1)
    spans = list(_spans(key, start - LOOK_BACK, end))
    clipped = (
        Stretch(max(stretch.start, start), min(stretch.end, end), stretch.offset, stretch.squeezed_from)
        for stretch in (_fixed(spans) if fixed else spans)
    )
    return tuple(stretch for stretch in clipped if stretch.start < stretch.end)


def _spans(key: str, start: int, end: int) -> Iterator[Stretch]:
    """Cut [start, end) where the offset changes."""
    offset = _offset(find(key), start)
    for change in changes(key, start, end - 1):
        yield Stretch(start, change.at, offset)
        start, offset = change.at, change.after
    yield Stretch(start, end, offset)


def _fixed(spans: Iterable[Stretch]) -> Iterator[Stretch]:
    """Given the spans of constant offset, return when fixed-time jobs run.

    A gap is made up for in the first minute after it, and repeated local time is not worked through again.
    """
    reached: int | None = None
    for span in spans:
        begin, ahead = span.start, 0 if reached is None else span.start + span.offset - reached
        if 0 < ahead < RESET:
            yield Stretch(begin, begin + 1, span.offset, squeezed_from=reached)
            begin += 1
        elif -RESET <= ahead < 0:
            begin -= ahead
        if begin < span.end:
            yield Stretch(begin, span.end, span.offset)
        reached = span.end + span.offset
