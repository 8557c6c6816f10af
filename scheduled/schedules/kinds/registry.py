"""The list of the kinds of schedules, and what is asked of whichever kind a schedule is of."""

from scheduled.schedules.kinds import at, cron, every, manual
from scheduled.schedules.kinds.protocol import ScheduleKind
from scheduled.schedules.schedule import Schedule, ScheduleError
from scheduled.schedules.timetable import Timetable
from scheduled.schedules.zones import Instant

MANUAL = "manual"  # the kind of a job whose table has no key of any other
KINDS: dict[str, ScheduleKind] = {
    "cron": cron,
    "every": every,
    "at": at,
    MANUAL: manual,
}


def kind_of(schedule: Schedule) -> ScheduleKind:
    """Return the kind of a schedule; raises ScheduleError if there is none of that name."""
    try:
        return KINDS[schedule.kind]
    except KeyError:
        raise ScheduleError(
            f"{schedule.kind!r} is no kind of schedule: write one of {', '.join(KINDS)}"
        ) from None


def timetable_of(schedule: Schedule, epoch: Instant) -> Timetable:
    """Return the slots of a schedule that came into force at *epoch*; raises ScheduleError where it can't be."""
    return kind_of(schedule).timetable(schedule, epoch)
