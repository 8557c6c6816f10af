"""The kind of a job without a schedule: the user, an event, a chain or another job starts it."""

import msgspec

from scheduled.schedules import timetable as timetables
from scheduled.schedules.schedule import Schedule
from scheduled.schedules.timetable import Timetable
from scheduled.schedules.zones import Instant

BY_TIME: bool = False
SEVERAL: bool = False
LABEL: str = "manual"
EXAMPLE: str = ""
METAVAR: str = ""
HELP: str = ""  # no key, so no option either


class Keys(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """No keys."""


def read(keys: Keys, job: str, zone: str) -> Schedule:
    """See `ScheduleKind.read`."""
    return Schedule("manual", zone=zone)


def warnings(keys: Keys, zone: str) -> list[str]:
    """See `ScheduleKind.warnings`."""
    return []


def timetable(schedule: Schedule, epoch: Instant) -> Timetable:
    """See `ScheduleKind.timetable`. The job has no slots."""
    return timetables.never()


def words(schedule: Schedule, zone: str) -> str:
    """See `ScheduleKind.words`."""
    return "manual"


def written(schedule: Schedule) -> str:
    """See `ScheduleKind.written`."""
    return ""


def lint(schedule: Schedule, now: Instant) -> list[str]:
    """See `ScheduleKind.lint`."""
    return []
