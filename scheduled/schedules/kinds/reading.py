"""The keys of a job table that say when the job is due -> its schedules."""

from collections.abc import Mapping
from typing import Any

import msgspec

from scheduled.schedules.kinds.registry import KINDS, MANUAL
from scheduled.schedules.schedule import Schedule, ScheduleError
from scheduled.schedules.zones import Seconds


class When(msgspec.Struct, frozen=True):
    """When a job is due, and what about it may not be meant, each with its key."""

    schedules: tuple[Schedule, ...]
    doubts: tuple[str, ...]


def known_keys() -> list[str]:
    """Return every key that belongs to a kind of schedule."""
    return [key for kind in KINDS.values() for key in kind.Keys.__struct_fields__]


def choosing_keys() -> list[str]:
    """Return the keys of which a job table may have one: each is called like the kind that it chooses."""
    return [name for name, kind in KINDS.items() if name in kind.Keys.__struct_fields__]


def split(table: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the entries of a job table that belong to a kind of schedule (without empty ones), and the others."""
    known = set(known_keys())
    mine = {key: value for key, value in table.items() if key in known and value is not None}
    return mine, {key: value for key, value in table.items() if key not in known}


def read(given: Mapping[str, Any], job: str, zone: str, jitter: Seconds) -> When:
    """Given what `split` found, a job's name, zone and jitter, return its schedules.

    Raises ScheduleError, or msgspec.ValidationError where a value is of the wrong type.
    """
    name = next((name for name in choosing_keys() if name in given), MANUAL)
    kind = KINDS[name]
    for key in given:
        if key not in kind.Keys.__struct_fields__:
            raise ScheduleError(f"{key}: belongs to {_owners(key)} only")
    keys = msgspec.convert(given, kind.Keys)
    schedule = kind.read(keys, job, zone)
    if KINDS[schedule.kind].BY_TIME:
        schedule = msgspec.structs.replace(schedule, delay=delay_within(jitter, job))
    return When((schedule,), tuple(kind.doubts(keys, zone)))


def _owners(key: str) -> str:
    return " and ".join(f"`{name}`" for name, kind in KINDS.items() if key in kind.Keys.__struct_fields__)


def delay_within(jitter: Seconds, job: str) -> Seconds:
    """Return by how much a job's *jitter* puts its slots off: always the same, so that they can be recomputed."""
    if not jitter:
        return 0
    from zlib import crc32

    return crc32(job.encode()) % (jitter + 1)
