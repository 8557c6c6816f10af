"""What a value read back from a file must be to be reckoned with: anything else is damage."""

from collections.abc import Iterable

import msgspec

from scheduled.clock import zone_exists
from scheduled.schedules.durations import LONGEST
from scheduled.schedules.kinds.registry import timetable_of
from scheduled.schedules.schedule import Schedule, ScheduleError
from scheduled.schedules.zones import FIRST_YEAR, LAST_YEAR, start_of

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
    if not (zone_exists(schedule.zone) and 0 <= schedule.delay <= LONGEST):
        return False
    if schedule.anchor is not None and not is_instant(schedule.anchor):
        return False
    try:
        timetable_of(schedule, 0)
    except ScheduleError:
        return False
    return True


def look_through(found: Iterable[msgspec.Struct]) -> None:
    """Raise ValueError if a value read from a ledger is not of its type, or can't be reckoned with."""
    for value in found:
        fields = msgspec.to_builtins(value)
        msgspec.convert(fields, type(value))
        for name in INSTANTS.intersection(fields):
            if fields[name] is not None and not is_instant(fields[name]):
                raise ValueError(f"{name}: {fields[name]!r} is no instant")
        for schedule in getattr(value, "schedules", ()):
            if not is_schedule(schedule):
                raise ValueError(f"{schedule.expression!r} is no schedule")
