"""Convert the schedule keys of a job table into schedules."""

from collections.abc import Mapping
from typing import Any

import msgspec

from scheduled.schedules.kinds.protocol import ScheduleKind
from scheduled.schedules.kinds.registry import KINDS, MANUAL
from scheduled.schedules.schedule import Schedule, ScheduleError
from scheduled.schedules.zones import Seconds


class When(msgspec.Struct, frozen=True):
    """The schedules of a job, and the warnings about them (see `ScheduleKind.warnings`)."""

    schedules: tuple[Schedule, ...]
    warnings: tuple[str, ...]


def known_keys() -> list[str]:
    """Return the keys of all kinds of schedules."""
    return [key for kind in KINDS.values() for key in kind.Keys.__struct_encode_fields__]


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
        if key not in kind.Keys.__struct_encode_fields__:
            raise ScheduleError(f"{key}: only valid with {_owners(key)}")
    keys = [msgspec.convert({**given, **one}, kind.Keys) for one in _each(name, kind, given)]
    found = [kind.read(one, job, zone) for one in keys]
    again = _repeated(name, found, given)
    # A part that is not by time, @reboot in a list, has no slots.
    found = [one for one in found if KINDS[one.kind].BY_TIME] or found[:1]
    schedules = tuple(dict.fromkeys(_delayed(one, jitter, job) for one in found))
    warnings = (text for one in keys for text in kind.warnings(one, zone))
    return When(schedules, tuple(dict.fromkeys([*warnings, *again])))


def values(value: Any) -> list[Any]:
    """Return the values of a schedule key: the entries of a list, or the one *value*."""
    return value if isinstance(value, list) else [value]


def _each(name: str, kind: ScheduleKind, given: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return a table for each value of the key *name*, which may be a list if the kind allows several."""
    if name not in given or not isinstance(given[name], list):
        return [{}]
    if not kind.SEVERAL:
        raise ScheduleError(f"{name}: takes one value, got a list; write one job for each value")
    if not given[name]:
        raise ScheduleError(f"{name}: is an empty list; write for example {kind.EXAMPLE}, or remove the key")
    return [{name: value} for value in given[name]]


def _repeated(name: str, found: list[Schedule], given: Mapping[str, Any]) -> list[str]:
    """Return a warning for each value of the list of the key *name* that an earlier value has made already."""
    written = values(given.get(name))
    return [
        f"{name}: {value} is in the list twice; remove one of them"
        for place, (one, value) in enumerate(zip(found, written, strict=True))
        if one in found[:place]
    ]


def _delayed(schedule: Schedule, jitter: Seconds, job: str) -> Schedule:
    if not KINDS[schedule.kind].BY_TIME:
        return schedule
    return msgspec.structs.replace(schedule, delay=delay_within(jitter, job))


def _owners(key: str) -> str:
    return " and ".join(
        f"`{name}`" for name, kind in KINDS.items() if key in kind.Keys.__struct_encode_fields__
    )


def delay_within(jitter: Seconds, job: str) -> Seconds:
    """Return the delay of a job's slots, from 0 to *jitter* seconds.

    It is a hash of the job's name, so that the due times of old slots can be recomputed.
    """
    if not jitter:
        return 0
    from zlib import crc32

    return crc32(job.encode()) % (jitter + 1)
