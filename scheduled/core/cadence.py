"""How often ticks come, and how often the schedules need them. Pure: time is a parameter."""

from collections.abc import Iterable, Sequence
from itertools import islice, pairwise

from scheduled.core.epochs import slots_of
from scheduled.core.jobs import DEFAULT_CADENCE
from scheduled.schedules.schedule import Schedule
from scheduled.schedules.zones import DAY, MINUTE, Instant, Seconds

EVEN = (1, 2, 3, 4, 5)  # minutes that divide the hour: cron's minute field begins anew with each
LOOKED_AT = 62  # slots: an hour of the finest cron schedule
LOOKED_AT_OF_SEVERAL = 24 * 60 + 2  # a day: two schedules may come close at one time of the day only


def closest(schedules: Sequence[Schedule], now: Instant) -> Seconds | None:
    """Return the shortest time between two of the next slots of a job's schedules; None where there are no two."""
    number = LOOKED_AT if len(schedules) == 1 else LOOKED_AT_OF_SEVERAL
    slots = islice(slots_of(schedules, now).between(now, now + 8 * DAY), number)
    return min((later - earlier for earlier, later in pairwise(slots)), default=None)


def needed(jobs: Iterable[tuple[Schedule, ...]], now: Instant) -> Seconds:
    """Given the schedules of each job, return how often ticks have to come so that no job has two slots between two.

    It is a whole number of minutes, at least one, at most the default.
    """
    gaps = (closest(schedules, now) for schedules in set(jobs))
    return _cadence(min((gap for gap in gaps if gap is not None), default=DEFAULT_CADENCE))


def _cadence(gap: Seconds) -> Seconds:
    return MINUTE * max((minutes for minutes in EVEN if minutes * MINUTE <= gap), default=1)


def doubt(schedules: Sequence[Schedule], cadence: Seconds, now: Instant) -> str | None:
    """Say so where ticks come more rarely than a job's slots, and what would help."""
    gap = closest(schedules, now)
    if gap is None or gap >= cadence:
        return None
    said = (
        f"slots come every {_said(gap)}, but ticks only every {_said(cadence)}, so that some become one run"
    )
    if _cadence(gap) == cadence:
        return f"{said}: cron can't call more often"
    return f"{said}; `scheduled install --every {_cadence(gap) // MINUTE}` changes that"


def _said(seconds: Seconds) -> str:
    return f"{seconds // MINUTE} min" if seconds % MINUTE == 0 else f"{seconds} s"
