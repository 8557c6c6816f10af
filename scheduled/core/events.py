"""Events: immutable past-tense facts, each with a stable public name and a payload of JSON values."""

from collections.abc import Mapping

import msgspec


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """An event: its public *name*, for example `job_failed`, and its *payload* of JSON values."""

    name: str
    payload: Mapping[str, object] = {}
