"""`at = "2026-12-24T18:00"`: one instant."""

from typing import Any

import msgspec

from scheduled.clock import stamp
from scheduled.schedules import local_times
from scheduled.schedules import timetable as timetables
from scheduled.schedules.schedule import Schedule, ScheduleError
from scheduled.schedules.timetable import Timetable
from scheduled.schedules.zones import Instant

BY_TIME: bool = True
SEVERAL: bool = True
LABEL: str = "once, at"
EXAMPLE: str = "2026-12-24T18:00"
METAVAR: str = "T"
HELP: str = "Schedule: once, at this ISO 8601 time; may be given several times."


class Keys(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The keys of an `at` job."""

    at: Any  # a string, or a TOML date and time


def read(keys: Keys, job: str, zone: str) -> Schedule:
    """See `ScheduleKind.read`."""
    return Schedule("at", "", zone, local_times.read("at", keys.at, zone))


def warnings(keys: Keys, zone: str) -> list[str]:
    """See `ScheduleKind.warnings`."""
    return local_times.warnings("at", keys.at, zone)


def timetable(schedule: Schedule, epoch: Instant) -> Timetable:
    """See `ScheduleKind.timetable`."""
    if schedule.anchor is None:
        raise ScheduleError("at: no instant given: write for example 2026-01-31T04:00")
    return timetables.once(schedule.anchor if schedule.phase is None else schedule.phase)


def words(schedule: Schedule, zone: str) -> str:
    """See `ScheduleKind.words`."""
    return f"once, at {stamp(schedule.anchor, zone)}" if zone else "once"


def written(schedule: Schedule) -> str:
    """See `ScheduleKind.written`. Empty: the zone for the instant depends on the reader."""
    return ""


def lint(schedule: Schedule, now: Instant) -> list[str]:
    """See `ScheduleKind.lint`. Empty: whether an instant in the past was missed depends on the ledger."""
    return []
