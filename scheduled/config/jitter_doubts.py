"""Warnings about a `jitter` that delays the slots of a job until its window is over."""

from collections.abc import Iterator

from scheduled.core.epochs import slots_of
from scheduled.core.holds import first_allowed
from scheduled.core.jobs import Job
from scheduled.core.tick_times import Ticks
from scheduled.schedules.durations import duration
from scheduled.schedules.windows import in_words
from scheduled.schedules.zones import Instant

START = 1  # seconds from the instant of a tick until it plans


def warnings(job: Job, ticks: Ticks, now: Instant) -> Iterator[str]:
    """Yield a warning if the first of future *ticks* after the delay of a slot is not in the window of *job* any more."""
    slot = slots_of(job.schedules, now).next_after(now) if job.between is not None and job.delay else None
    if job.between is None or slot is None:
        return
    if _is_inside(job, ticks, slot) and not _is_inside(job, ticks, slot + job.delay):
        yield (
            f"jitter: it delays each slot by {duration(job.delay)}, and no tick comes after that in its window (`between`, "
            f"{in_words(job.between.start, job.between.end)}), so each run starts a window late; write a shorter jitter,"
            " or a longer window"
        )


def _is_inside(job: Job, ticks: Ticks, instant: Instant) -> bool:
    tick = ticks.at_or_after(instant) + START
    return first_allowed(job, tick) == tick
