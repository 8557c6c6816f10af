"""What a value read back from a file must be to be reckoned with: anything else is damage."""

from collections.abc import Iterable

import msgspec

from scheduled.clock import zone_exists
from scheduled.core.jobs import Schedule
from scheduled.schedules import timetable
from scheduled.schedules.zones import FIRST_YEAR, LAST_YEAR, start_of

LONGEST_INTERVAL = 400 * 366 * 86400
# Fields that hold an instant, whatever they belong to.
INSTANTS = frozenset(
    {
        "position", "next_due", "window_start", "last_run_at", "starts_at", "ends_at", "slot", "first", "last",
        "claimed_at", "started_at", "finished_at", "retry_at", "asked_for", "since", "notified_at", "next_try", "epoch",
    }
)  # fmt: skip


def is_instant(value: object) -> bool:
    """Return whether *value* is an instant for which there is a local time in every zone."""
    return isinstance(value, int | float) and start_of(FIRST_YEAR) <= value < start_of(LAST_YEAR + 1)


def is_schedule(schedule: Schedule) -> bool:
    """Return whether the slots of *schedule* can be computed."""
    if not (zone_exists(schedule.zone) and 0 <= schedule.delay <= LONGEST_INTERVAL):
        return False
    if schedule.anchor is not None and not is_instant(schedule.anchor):
        return False
    if schedule.kind == "cron":
        return _is_cron(schedule)
    if schedule.kind == "every":
        return _is_interval(schedule.expression)
    return schedule.kind == "manual" or schedule.anchor is not None


def _is_cron(schedule: Schedule) -> bool:
    try:
        timetable.cron(schedule.expression, schedule.zone, schedule.seed)
    except timetable.ScheduleError:
        return False
    return True


def _is_interval(seconds: str) -> bool:
    return seconds.isascii() and seconds.isdigit() and 0 < int(seconds[:20]) <= LONGEST_INTERVAL


def look_through(found: Iterable[msgspec.Struct]) -> None:
    """Raise ValueError if a value read from a ledger is not of its type, or can't be reckoned with."""
    for value in found:
        fields = msgspec.to_builtins(value)
        msgspec.convert(fields, type(value))
        for name in INSTANTS.intersection(fields):
            if fields[name] is not None and not is_instant(fields[name]):
                raise ValueError(f"{name}: {fields[name]!r} is no instant")
        schedule = getattr(value, "schedule", None)
        if schedule is not None and not is_schedule(schedule):
            raise ValueError(f"{schedule.expression!r} is no schedule")
