"""No key at all: a person, an event, a chain or another job starts the job, never time."""

import msgspec

from scheduled.schedules import timetable as timetables
from scheduled.schedules.schedule import Schedule
from scheduled.schedules.timetable import Timetable
from scheduled.schedules.zones import Instant

BY_TIME: bool = False
LABEL: str = "by hand"
EXAMPLE: str = ""
METAVAR: str = ""
HELP: str = ""  # it has no key, and no option


class Keys(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A job without a schedule has no keys of one."""


def read(keys: Keys, job: str, zone: str) -> Schedule:
    """See `ScheduleKind.read`."""
    return Schedule("manual", zone=zone)


def doubts(keys: Keys, zone: str) -> list[str]:
    """See `ScheduleKind.doubts`."""
    return []


def timetable(schedule: Schedule, epoch: Instant) -> Timetable:
    """See `ScheduleKind.timetable`: no slots."""
    return timetables.never()


def words(schedule: Schedule, zone: str) -> str:
    """See `ScheduleKind.words`."""
    return "by hand"


def written(schedule: Schedule) -> str:
    """See `ScheduleKind.written`."""
    return ""


def lint(schedule: Schedule, now: Instant) -> list[str]:
    """See `ScheduleKind.lint`."""
    return []
