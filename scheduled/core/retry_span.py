"""Whether the retries of a run can last until the next slot, which then replaces them."""

from itertools import islice, pairwise

import msgspec

from scheduled.core.epochs import slots_of
from scheduled.core.jobs import Job, Retry
from scheduled.schedules.durations import duration
from scheduled.schedules.zones import DAY, Instant, Seconds

CHECKED_SLOTS, CHECKED_TIME = 62, 366 * DAY


def span(retry: Retry) -> Seconds:
    """Return the longest sum of the pauses between all attempts of a run."""
    plain = msgspec.structs.replace(retry, jitter=0)
    return sum(plain.pause_after(failures) + retry.jitter for failures in range(1, retry.max_attempts))


def periods(job: Job, now: Instant) -> list[Seconds]:
    """Return the times between the next slots of *job*, at most `CHECKED_SLOTS` of them; none if it has no two."""
    slots = islice(slots_of(job.schedules, now).between(now, now + CHECKED_TIME), CHECKED_SLOTS)
    return [later - earlier for earlier, later in pairwise(slots)]


def warning(job: Job, now: Instant) -> str | None:
    """Return a warning if a slot of *job* comes due before the last attempt of the slot before it, otherwise None.

    With `catch_up = "all"` there is none: the retry goes first.
    """
    if job.catch_up == "all" or job.retry.max_attempts == 1:
        return None
    period = min(periods(job, now), default=None)
    needed = span(job.retry)
    if period is None or needed < period:
        return None
    return (
        f"the last of {job.retry.max_attempts} attempts can start {duration(needed)} after the first, but a newer slot "
        f"comes {duration(period)} after a slot: it replaces the retry, and the run ends as failed; "
        'shorten the delay, or set catch_up = "all"'
    )
