"""Daylight saving time: when the clocks of a zone change, and how cron handles a schedule at a change.

The time line of a zone is divided into stretches with a constant offset from UTC. The behaviour at a change
follows Debian's cron.c, which keeps the last local minute that it has processed in `virtualTime`. Instants
are UTC seconds since the epoch; a local time is *instant + offset*, also in seconds.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime, tzinfo
from functools import lru_cache

import msgspec

from scheduled.schedules.zones import DAY, HOUR, find, start_of

# The search finds two changes that cancel each other out only if they are further apart than this. The
# closest such pairs are 6.96 days apart since 1970 (Recife in 2000), and 3.99 in all IANA data (Freetown in
# 1939).
COARSE = 3 * DAY
# Debian's cron treats a jump forward by three hours or more, or back by more than three hours, as a clock that was
# set: it continues from the new time.
RESET = 3 * HOUR
# The effects of a change never last longer than this.
LOOK_BACK = 2 * DAY


class Change(msgspec.Struct, frozen=True):
    """At the instant *at* the offset from UTC changes from *before* to *after* (seconds)."""

    at: int
    before: int
    after: int


class Stretch(msgspec.Struct, frozen=True):
    """The instants from *start* up to, not including, *end*, with one offset from UTC.

    If *squeezed_from* is given, the clocks skipped the local times from *squeezed_from* on. The stretch is
    then the one instant *start*, at which the jobs of the skipped times run.
    """

    start: int
    end: int
    offset: int
    squeezed_from: int | None = None


@lru_cache(maxsize=1024)
def changes(key: str, after: int, until: int) -> tuple[Change, ...]:
    """Return the changes of the zone's offset in (after, until], ascending."""
    zone = find(key)
    return tuple(_changes(zone, after, until, offset_at(zone, after), offset_at(zone, until)))


def _changes(zone: tzinfo, low: int, high: int, before: int, after: int) -> Iterator[Change]:
    """Yield the changes in (low, high] by bisection. *before* and *after* are the offsets at its ends."""
    if before == after and high - low <= COARSE:
        return
    if high - low == 1:
        yield Change(high, before, after)
        return
    middle = (low + high) // 2
    between = offset_at(zone, middle)
    yield from _changes(zone, low, middle, before, between)
    yield from _changes(zone, middle, high, between, after)


def offset_at(zone: tzinfo, instant: int) -> int:
    """Return the offset of *zone* from UTC at *instant*, in seconds."""
    offset = datetime.fromtimestamp(instant, zone).utcoffset()
    assert offset is not None
    return offset.days * DAY + offset.seconds


@lru_cache(maxsize=8192)
def stretches(key: str, year: int, *, fixed: bool) -> tuple[Stretch, ...]:
    """Return the stretches of a UTC year in which cron runs wildcard jobs or, with *fixed*, fixed-time jobs.

    Wildcard jobs follow local time: skipped times do not run, and repeated times run twice.
    """
    start, end = start_of(year), start_of(year + 1)
    spans = list(_spans(key, start - LOOK_BACK, end))
    clipped = (
        Stretch(max(stretch.start, start), min(stretch.end, end), stretch.offset, stretch.squeezed_from)
        for stretch in (_fixed(spans) if fixed else spans)
    )
    return tuple(stretch for stretch in clipped if stretch.start < stretch.end)


def _spans(key: str, start: int, end: int) -> Iterator[Stretch]:
    """Divide [start, end) at the changes of the offset."""
    offset = offset_at(find(key), start)
    for change in changes(key, start, end - 1):
        yield Stretch(start, change.at, offset)
        start, offset = change.at, change.after
    yield Stretch(start, end, offset)


def _fixed(spans: Iterable[Stretch]) -> Iterator[Stretch]:
    """Given the stretches of constant offset, yield the stretches in which fixed-time jobs run.

    The jobs of skipped local times run once, in the first minute after the gap. Repeated local times do not
    run again.
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
