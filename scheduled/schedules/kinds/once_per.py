"""`once_per = "day"`: once in each local day, ISO week or month, from its beginning or that of a daily window."""

from typing import Any

import msgspec

from scheduled.schedules import cron_timetable
from scheduled.schedules.schedule import Schedule, ScheduleError
from scheduled.schedules.timetable import Timetable
from scheduled.schedules.windows import read_window
from scheduled.schedules.zones import Instant

BY_TIME: bool = True
SEVERAL: bool = False
LABEL: str = "once per day, week or month"
EXAMPLE: str = "day"
METAVAR: str = "PERIOD"
HELP: str = "Schedule: once per day, week or month, as soon as the machine is on."
# The days on which a period begins, in cron's fields.
BEGINS = {"day": "* * *", "week": "* * 1", "month": "1 * *"}


class Keys(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The keys of a `once_per` job; it starts only *between* two times of day."""

    once_per: Any
    between: Any = None


def read(keys: Keys, job: str, zone: str) -> Schedule:
    """See `ScheduleKind.read`. The expression is the period and the beginning of the window: `day 09:00`."""
    if keys.once_per not in BEGINS:
        raise ScheduleError(f"once_per: must be day, week or month, got {keys.once_per!r}")
    window = read_window("between", keys.between)
    start = 0 if window is None else window[0]
    return Schedule("once_per", f"{keys.once_per} {start // 60:02}:{start % 60:02}", zone)


def warnings(keys: Keys, zone: str) -> list[str]:
    """See `ScheduleKind.warnings`."""
    return []


def timetable(schedule: Schedule, epoch: Instant) -> Timetable:
    """See `ScheduleKind.timetable`.

    A beginning that a clock change skips is the first instant after it; of two, the first one counts. This is how a
    fixed cron expression works.
    """
    period, hour, minute = _parts(schedule)
    return cron_timetable.cron(f"{minute} {hour} {BEGINS[period]}", schedule.zone, "")


def _parts(schedule: Schedule) -> tuple[str, int, int]:
    period, _, time = schedule.expression.partition(" ")
    hour, _, minute = time.partition(":")
    if period not in BEGINS or not (hour.isdecimal() and minute.isdecimal()):
        raise ScheduleError(f"once_per: {schedule.expression!r} is not a period and a time of day")
    return period, int(hour), int(minute)


def words(schedule: Schedule, zone: str) -> str:
    """See `ScheduleKind.words`."""
    period, hour, minute = _parts(schedule)
    return f"once per {period}" + (f", from {hour:02}:{minute:02}" if hour or minute else "")


def written(schedule: Schedule) -> str:
    """See `ScheduleKind.written`."""
    return words(schedule, "")


def lint(schedule: Schedule, now: Instant) -> list[str]:
    """See `ScheduleKind.lint`. Only a clock change that skips the beginning of the period is worth a warning."""
    from scheduled.schedules import cron_lint

    period, hour, minute = _parts(schedule)
    return cron_lint.lint(f"{minute} {hour} {BEGINS[period]}", schedule.zone, now)
