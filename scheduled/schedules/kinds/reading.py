"""Convert the schedule keys of a job table into schedules."""

from collections.abc import Mapping
from typing import Any

import msgspec

from scheduled.schedules.kinds.registry import KINDS, MANUAL
from scheduled.schedules.schedule import Schedule, ScheduleError
from scheduled.schedules.zones import Seconds


class When(msgspec.Struct, frozen=True):
    """The schedules of a job, and the warnings about them (see `ScheduleKind.warnings`)."""

    schedules: tuple[Schedule, ...]
    warnings: tuple[str, ...]


def known_keys() -> list[str]:
    """Return the keys of all kinds of schedules."""
    return [key for kind in KINDS.values() for key in kind.Keys.__struct_fields__]


def choosing_keys() -> list[str]:
    """Return the keys that select a kind of schedule. A job table may have at most one of them."""
    return [name for name, kind in KINDS.items() if name in kind.Keys.__struct_fields__]


def split(table: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the schedule entries of a job table, without those that are None, and all other entries."""
    known = set(known_keys())
    given = {key: value for key, value in table.items() if key in known and value is not None}
    return given, {key: value for key, value in table.items() if key not in known}


def read(given: Mapping[str, Any], job: str, zone: str, jitter: Seconds) -> When:
    """Return the schedules of the job *job* from its schedule entries *given* (see `split`).

    Raise ScheduleError if a key or value is invalid, and msgspec.ValidationError if a value has the wrong
    type.
    """
    name = next((name for name in choosing_keys() if name in given), MANUAL)
    kind = KINDS[name]
    for key in given:
        if key not in kind.Keys.__struct_fields__:
            raise ScheduleError(f"{key}: only valid with {_owners(key)}")
    if isinstance(given.get(name), list):
        raise ScheduleError(f"{name}: a job has one schedule, got a list; write one job for each value")
    keys = msgspec.convert(given, kind.Keys)
    schedule = kind.read(keys, job, zone)
    if KINDS[schedule.kind].BY_TIME:
        schedule = msgspec.structs.replace(schedule, delay=delay_within(jitter, job))
    return When((schedule,), tuple(kind.warnings(keys, zone)))


def _owners(key: str) -> str:
    return " and ".join(f"`{name}`" for name, kind in KINDS.items() if key in kind.Keys.__struct_fields__)


def delay_within(jitter: Seconds, job: str) -> Seconds:
    """Return the delay of a job's slots, from 0 to *jitter* seconds.

    It is a hash of the job's name, so that the due times of old slots can be recomputed.
    """
    if not jitter:
        return 0
    from zlib import crc32

    return crc32(job.encode()) % (jitter + 1)
