"""Warnings about jobs of which slots never run, although ticks come regularly: because of `grace` or of quiet hours."""

from collections.abc import Iterator
from itertools import islice

from scheduled.clock import stamp
from scheduled.core.cadence import CHECKED_SLOTS, DIVISORS
from scheduled.core.epochs import slots_of
from scheduled.core.holds import first_allowed, is_too_late, quiet
from scheduled.core.jobs import Job
from scheduled.core.tick_times import Ticks
from scheduled.schedules.durations import duration
from scheduled.schedules.zones import DAY, MINUTE, Instant

START = 1  # seconds from the instant of a tick until it plans


def warnings(job: Job, ticks: Ticks, now: Instant) -> Iterator[str]:
    """Yield the warnings about *job*, each beginning with its key, if future *ticks* come on time."""
    if covers_all_ticks(job, ticks, now):
        if job.between is not None:
            yield (
                f"between: no tick comes in this window (ticks come every {duration(ticks.cadence)}), so the job never"
                " runs by itself; write a longer window"
            )
            return
        yield (
            f"not_between: these quiet hours cover every tick (ticks come every {duration(ticks.cadence)}), so the job"
            " never runs by itself; write a shorter time, or enabled = false"
        )
    elif job.grace is not None and (late := _too_late(job, ticks, now)) is not None:
        finer = max((minutes for minutes in DIVISORS if minutes * MINUTE <= job.grace), default=None)
        other = "" if finer is None else f", or run `scheduled install --every {finer}`"
        yield (
            f"grace: {duration(job.grace)} is too short for ticks every {duration(ticks.cadence)}: the slot of"
            f" {stamp(late, job.zone)} is skipped, because no tick comes in time; write at least"
            f" {duration(ticks.cadence)}{other}"
        )


def covers_all_ticks(job: Job, ticks: Ticks, now: Instant) -> bool:
    """Return whether all of the *ticks* from *now* on come in the quiet hours of *job*, so that it never runs by itself."""
    window = job.not_between
    if window is None or (window.start - window.end) % (DAY // MINUTE) * MINUTE >= ticks.cadence:
        return False  # the time outside it is as long as the distance of two ticks
    first = ticks.at_or_after(now)
    found = range(first, first + 2 * DAY, ticks.cadence)
    return all(quiet(window, job.zone, tick) is not None for tick in found)


def _too_late(job: Job, ticks: Ticks, now: Instant) -> Instant | None:
    """Return the first of the next slots for which a tick comes later than `grace` allows; None if there is none."""
    for slot in islice(slots_of(job.schedules, now).between(now, now + 8 * DAY), CHECKED_SLOTS):
        due = slot + job.delay
        if is_too_late(job, due, ticks.at_or_after(first_allowed(job, due)) + START):
            return slot
    return None
