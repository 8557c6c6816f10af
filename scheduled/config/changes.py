"""Compare two states of the configuration by the hashes of its values, so that no value has to be kept."""

from collections.abc import Collection, Mapping
from typing import Any
from zlib import crc32

import msgspec

from scheduled.config.config import Config

Keys = dict[str, str]  # hashes of values by their keys


class Summary(msgspec.Struct, frozen=True):
    """The hashes of all values of a configuration: of the settings, and of each job."""

    settings: Keys
    jobs: dict[str, Keys]


class Changes(msgspec.Struct, frozen=True):
    """The differences between two summaries. *changed* has JOB.KEY, *settings* the keys of settings; all are sorted."""

    added: list[str]
    removed: list[str]
    changed: list[str]
    settings: list[str]

    def __bool__(self) -> bool:
        return any(getattr(self, name) for name in self.__struct_fields__)


def digest(found: Config) -> str:
    """Return a hash of the complete configuration, which is faster to compute than a summary."""
    return found.digest or _hash([found.written.settings, found.written.jobs])


def _hash(value: Any) -> str:
    # Not hashlib: its import takes longer than the comparison. 32 bits do not reveal a secret.
    return f"{crc32(msgspec.json.encode(value, enc_hook=str)):08x}"


def summary(found: Config) -> Summary:
    """Return the hashes of a configuration's values; a key of a table in the settings is TABLE.KEY."""
    return Summary(
        settings=_keys(_flat(found.written.settings)),
        jobs={
            name: _keys(table if isinstance(table, dict) else {"": table})
            for name, table in found.written.jobs.items()
        },
    )


def _keys(table: Mapping[str, Any]) -> Keys:
    return {key: _hash(value) for key, value in table.items()}


def _flat(tables: Mapping[str, Any]) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in tables.items():
        if isinstance(value, dict):
            flat |= {f"{name}.{key}": inner for key, inner in value.items()}
        else:
            flat[name] = value
    return flat


def between(before: Summary, after: Summary) -> Changes:
    """Return what changed from *before* to *after*."""
    both = before.jobs.keys() & after.jobs.keys()
    return Changes(
        added=sorted(after.jobs.keys() - before.jobs.keys()),
        removed=sorted(before.jobs.keys() - after.jobs.keys()),
        changed=[
            f"{name}.{key}"
            for name in sorted(both)
            for key in _different(before.jobs[name], after.jobs[name])
        ],
        settings=_different(before.settings, after.settings),
    )


def _different(before: Keys, after: Keys) -> list[str]:
    return sorted(key for key in before.keys() | after.keys() if before.get(key) != after.get(key))


def without(found: Summary, names: Collection[str]) -> Summary:
    """Return *found* without the jobs *names*."""
    return Summary(found.settings, {name: keys for name, keys in found.jobs.items() if name not in names})


def with_missing(before: Summary, after: Summary) -> Summary:
    """Return *after* with the jobs of *before* that it lacks: those of a file that cannot be read now."""
    return Summary(after.settings, {**before.jobs, **after.jobs})
