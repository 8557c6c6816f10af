"""Validation of values read from the state's files: an invalid value means that the file is damaged."""

from collections.abc import Iterable

import msgspec

from scheduled.clock import zone_exists
from scheduled.schedules.durations import LONGEST
from scheduled.schedules.kinds.registry import timetable_of
from scheduled.schedules.schedule import Schedule, ScheduleError
from scheduled.schedules.zones import FIRST_YEAR, LAST_YEAR, start_of

# Names of fields that hold an instant, in any of the ledger's values.
INSTANTS = frozenset(
    {
        "position", "next_due", "window_start", "last_run_at", "starts_at", "ends_at", "slot", "first", "last",
        "claimed_at", "started_at", "finished_at", "retry_at", "requested_for", "since", "notified_at", "next_try", "epoch",
    }
)  # fmt: skip


def is_instant(value: object) -> bool:
    """Return whether *value* is a number of UTC seconds within the years for which every zone has a local time."""
    return isinstance(value, int | float) and start_of(FIRST_YEAR) <= value < start_of(LAST_YEAR + 1)


def is_schedule(schedule: Schedule) -> bool:
    """Return whether *schedule* is valid: its zone, delay, anchor, phase and expression, so that its slots can be computed."""
    if not (zone_exists(schedule.zone) and 0 <= schedule.delay <= LONGEST):
        return False
    if not all(instant is None or is_instant(instant) for instant in (schedule.anchor, schedule.phase)):
        return False
    try:
        timetable_of(schedule, 0)
    except ScheduleError:
        return False
    return True


def check_values(found: Iterable[msgspec.Struct]) -> None:
    """Raise ValueError if a field of one of these values has the wrong type or holds an invalid instant or schedule."""
    for value in found:
        fields = msgspec.to_builtins(value)
        msgspec.convert(fields, type(value))
        for name in INSTANTS.intersection(fields):
            if fields[name] is not None and not is_instant(fields[name]):
                raise ValueError(f"{name}: {fields[name]!r} is not a valid instant")
        for schedule in getattr(value, "schedules", ()):
            if not is_schedule(schedule):
                raise ValueError(f"{schedule.expression!r} is not a valid schedule")
