"""The cadence: how often ticks come, and how often the schedules need them."""

from collections.abc import Iterable, Sequence
from itertools import islice, pairwise

from scheduled.core.epochs import slots_of
from scheduled.core.jobs import DEFAULT_CADENCE
from scheduled.schedules.schedule import Schedule, counts_from_end
from scheduled.schedules.zones import DAY, MINUTE, Instant, Seconds

DIVISORS = (1, 2, 3, 4, 5)  # minutes; each divides the hour, because cron's minute field restarts every hour
CHECKED_SLOTS = 62  # the slots of one hour of a job that runs every minute
# The slots of one day, because the slots of two schedules may be close to each other only once a day.
CHECKED_SLOTS_OF_SEVERAL = 24 * 60 + 2


def closest(schedules: Sequence[Schedule], now: Instant) -> Seconds | None:
    """Return the shortest time between slots in the 8 days after *now*; None if there are fewer than two."""
    if counts_from_end(schedules):
        return int(schedules[0].expression)  # it has one slot at a time
    number = CHECKED_SLOTS if len(schedules) == 1 else CHECKED_SLOTS_OF_SEVERAL
    slots = islice(slots_of(schedules, now).between(now, now + 8 * DAY), number)
    return min((later - earlier for earlier, later in pairwise(slots)), default=None)


def needed(jobs: Iterable[tuple[Schedule, ...]], now: Instant) -> Seconds:
    """Return the longest cadence at which no job has two slots between two ticks.

    *jobs* are the schedules of each job. The cadence is in seconds: a whole number of minutes, at least one
    (cron has no finer unit) and at most the default.
    """
    gaps = (closest(schedules, now) for schedules in set(jobs))
    return _cadence(min((gap for gap in gaps if gap is not None), default=DEFAULT_CADENCE))


def _cadence(gap: Seconds) -> Seconds:
    return MINUTE * max((minutes for minutes in DIVISORS if minutes * MINUTE <= gap), default=1)


def warning(schedules: Sequence[Schedule], cadence: Seconds, now: Instant) -> str | None:
    """Return a warning if a job's slots are closer together than the ticks, otherwise None."""
    gap = closest(schedules, now)
    if gap is None or gap >= cadence:
        return None
    text = (
        f"two slots are only {_in_words(gap)} apart, but ticks come every {_in_words(cadence)}: "
        "several slots can share one run"
    )
    if _cadence(gap) == cadence:
        return f"{text}; cron cannot start ticks more often"
    return f"{text}; to avoid that, run `scheduled install --every {_cadence(gap) // MINUTE}`"


def _in_words(seconds: Seconds) -> str:
    return f"{seconds // MINUTE} min" if seconds % MINUTE == 0 else f"{seconds} s"
