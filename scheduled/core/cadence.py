"""How often ticks come, and how often the schedules need them. Pure: time is a parameter."""

from collections.abc import Iterable
from itertools import islice, pairwise

from scheduled.core.epochs import slots_of
from scheduled.core.jobs import DEFAULT_CADENCE, Schedule
from scheduled.schedules.zones import DAY, MINUTE, Instant, Seconds

EVEN = (1, 2, 3, 4, 5)  # minutes that divide the hour: cron's minute field begins anew with each
LOOKED_AT = 62  # slots: an hour of the finest cron schedule


def closest(schedule: Schedule, now: Instant) -> Seconds | None:
    """Return the shortest time between two of a schedule's next slots; None where there are no two."""
    if schedule.kind == "every":
        return int(schedule.expression)
    if schedule.kind != "cron":
        return None
    slots = islice(slots_of(schedule, now).between(now, now + 8 * DAY), LOOKED_AT)
    return min((later - earlier for earlier, later in pairwise(slots)), default=None)


def needed(schedules: Iterable[Schedule], now: Instant) -> Seconds:
    """Return how often ticks have to come so that no schedule has two slots between two of them.

    It is a whole number of minutes, at least one, at most the default.
    """
    gaps = (closest(schedule, now) for schedule in set(schedules))
    return _cadence(min((gap for gap in gaps if gap is not None), default=DEFAULT_CADENCE))


def _cadence(gap: Seconds) -> Seconds:
    return MINUTE * max((minutes for minutes in EVEN if minutes * MINUTE <= gap), default=1)


def doubt(schedule: Schedule, cadence: Seconds, now: Instant) -> str | None:
    """Say so where ticks come more rarely than a schedule's slots, and what would help."""
    gap = closest(schedule, now)
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
