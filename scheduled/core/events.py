"""Facts on the bus: frozen, past tense, each with a stable public name and a payload of JSON values."""

from collections.abc import Mapping

import msgspec


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """One fact: its public *name* (`job_failed`, `memory_threshold_exceeded`) and what it is about."""

    name: str
    payload: Mapping[str, object] = {}
