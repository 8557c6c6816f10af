"""`every = "6h"`: an interval. `anchor`, or otherwise the beginning of the epoch, fixes its phase."""

from datetime import timedelta
from typing import Any

import msgspec

from scheduled.schedules import local_times
from scheduled.schedules import timetable as timetables
from scheduled.schedules.clock_changes import Change, changes
from scheduled.schedules.durations import LONGEST, duration, in_one_unit, read_seconds
from scheduled.schedules.schedule import Schedule, ScheduleError
from scheduled.schedules.timetable import Timetable
from scheduled.schedules.zones import DAY, EPOCH, Instant, Seconds

YEAR: Seconds = 366 * DAY
BY_TIME: bool = True
SEVERAL: bool = False
LABEL: str = "every"
EXAMPLE: str = "30m, 6h, 7d"
METAVAR: str = "INTERVAL"
FROM_END = ", from the end of the last run"
HELP: str = "Schedule: at an interval, for example 30m, 6h or 7d."


class Keys(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The keys of an `every` job; *slot* is an alias of *anchor*. *from_* is what the interval counts from."""

    every: str | int
    anchor: Any = None  # a string, or a TOML date and time
    slot: Any = None
    from_: Any = msgspec.field(default=None, name="from")  # "end", or None: from the slot before


def read(keys: Keys, job: str, zone: str) -> Schedule:
    """See `ScheduleKind.read`."""
    try:
        seconds = read_seconds(keys.every)
    except ScheduleError as error:
        raise ScheduleError(f"every: {error}") from None
    given = keys.anchor if keys.anchor is not None else keys.slot
    anchor = None if given is None else local_times.read("anchor", given, zone)
    if keys.from_ not in (None, "end"):
        raise ScheduleError(f'from: must be "end", got {keys.from_!r}; remove it for equal intervals')
    if keys.from_ is not None and anchor is not None:
        raise ScheduleError('anchor: has no effect with from = "end"; remove one of them')
    return Schedule("every", str(seconds), zone, anchor, from_end=keys.from_ is not None)


def warnings(keys: Keys, zone: str) -> list[str]:
    """See `ScheduleKind.warnings`."""
    given = (("anchor", keys.anchor), ("slot", keys.slot))
    return [
        warning
        for key, value in given
        if value is not None
        for warning in local_times.warnings(key, value, zone)
    ]


def timetable(schedule: Schedule, epoch: Instant) -> Timetable:
    """See `ScheduleKind.timetable`.

    Without an anchor, the interval counts from the schedule's phase, or otherwise from the beginning of the epoch.
    """
    seconds, phase = _interval(schedule), schedule.phase
    if schedule.anchor is not None:
        return timetables.every(seconds, schedule.anchor if phase is None else phase)
    if schedule.from_end and phase is not None and phase <= epoch:
        return timetables.once(
            max(phase + seconds, epoch + 1)
        )  # an edit shortened it: it may be over already
    first = _first_after(epoch, epoch + 1 if phase is None else phase, seconds)
    return timetables.once(first) if schedule.from_end else timetables.every(seconds, first)


def _first_after(epoch: Instant, phase: Instant, seconds: Seconds) -> Instant:
    """Return the first slot after *epoch*. *phase* is no slot: it is the last one before, or the beginning of the job.

    A phase in the future, from before the clock went back, moves no slot away by more than one interval.
    """
    first = phase + ((epoch - phase) // seconds + 1) * seconds
    return first + seconds if first == phase == epoch + 1 else first


def _interval(schedule: Schedule) -> Seconds:
    text = schedule.expression
    # 20 digits are enough to exceed LONGEST; Python refuses to convert thousands of digits.
    seconds = int(text[:20]) if text.isascii() and text.isdigit() else 0
    if not 0 < seconds <= LONGEST:
        raise ScheduleError(f"every: {text!r} is not a valid number of seconds: write for example 3600")
    return seconds


def words(schedule: Schedule, zone: str) -> str:
    """See `ScheduleKind.words`."""
    return f"every {duration(_interval(schedule))}{FROM_END * schedule.from_end}"


def written(schedule: Schedule) -> str:
    """See `ScheduleKind.written`."""
    return f"every {in_one_unit(_interval(schedule))}{FROM_END * schedule.from_end}"


def lint(schedule: Schedule, now: Instant) -> list[str]:
    """See `ScheduleKind.lint`. With an anchor, the local time of the slots moves when the clocks change."""
    seconds = _interval(schedule)
    if schedule.anchor is None or (DAY % seconds and seconds % DAY):
        return []
    moving = (
        change
        for change in changes(schedule.zone, now, now + YEAR)
        if (change.after - change.before) % seconds
    )
    return [_moves(schedule.anchor, schedule.zone, change) for change in moving][:1]


def _moves(anchor: Instant, zone: str, change: Change) -> str:
    before, after, day = (
        EPOCH + timedelta(seconds=seconds)
        for seconds in (anchor + change.before, anchor + change.after, change.at + change.before)
    )
    return (
        f"the interval counts hours, so when the clocks in {zone} change on {day:%Y-%m-%d}, the slot at {before:%H:%M} "
        f"moves to {after:%H:%M}; write a cron expression for the same local time all year"
    )
