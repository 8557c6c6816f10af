"""Daylight saving: where the clocks of a zone change, and what cron does with a schedule there.

The time line of a zone is cut into stretches in which its clocks do not change. The rules of what cron does at a
change are those of Debian's cron.c, whose `virtualTime` is the local minute it has worked up to. Instants are UTC
seconds since the epoch; a local time is *instant + offset*, seconds too.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime, tzinfo
from functools import lru_cache

import msgspec

from scheduled.schedules.zones import DAY, HOUR, find, start_of

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
