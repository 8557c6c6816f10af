"""The list of the kinds of schedules, and functions that dispatch to the kind of a schedule."""

from scheduled.schedules.kinds import at, cron, every, manual, once_per
from scheduled.schedules.kinds.protocol import ScheduleKind
from scheduled.schedules.schedule import Schedule, ScheduleError
from scheduled.schedules.timetable import Timetable
from scheduled.schedules.zones import Instant

MANUAL = "manual"  # the kind of a job table without a schedule key
KINDS: dict[str, ScheduleKind] = {
    "cron": cron,
    "every": every,
    "at": at,
    "once_per": once_per,
    MANUAL: manual,
}


def kind_of(schedule: Schedule) -> ScheduleKind:
    """Return the kind of a schedule. Raise ScheduleError if the kind is unknown."""
    try:
        return KINDS[schedule.kind]
    except KeyError:
        raise ScheduleError(
            f"{schedule.kind!r} is not a kind of schedule: write one of {', '.join(KINDS)}"
        ) from None


def timetable_of(schedule: Schedule, epoch: Instant) -> Timetable:
    """Return the slots of a schedule that came into force at *epoch*. Raise ScheduleError if invalid."""
    return kind_of(schedule).timetable(schedule, epoch)
