"""What a snapshot has of the state of jobs, to restore a lost ledger. Invalid entries are ignored."""

from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from scheduled.core.keys import ALL_JOBS, JobKey, Keyed, read_label
from scheduled.schedules.schedule import Schedule
from scheduled.schedules.zones import Instant
from scheduled.state.snapshot import current
from scheduled.state.snapshot_summary import ALL
from scheduled.state.validation import is_instant, is_schedule


class Restored(Keyed, frozen=True):
    """The state of one job, or one target of it, that a snapshot restores to a lost ledger."""

    job: str
    position: Instant
    schedules: tuple[Schedule, ...]
    window_start: Instant | None
    target: str = ""


class SavedOverrides(msgspec.Struct, frozen=True):
    """Overrides (True: enabled), pauses and mutes (with their end; None: until it is undone). The key `ALL_JOBS` pauses all jobs."""

    enabled: dict[JobKey, bool]
    paused: dict[JobKey, Instant | None]
    muted: dict[JobKey, Instant | None] = {}


def of_jobs(path: Path) -> list[Restored]:
    """Return the jobs' states in a snapshot, to restore a lost ledger; ignore invalid entries."""
    document = current(path) or {}
    jobs = document.get("jobs")
    found = []
    for label, entry in jobs.items() if isinstance(jobs, dict) else ():
        try:
            restored = msgspec.convert({**entry, **read_label(label)._asdict()}, Restored)
        except (ValueError, TypeError):
            continue
        if _is_valid(restored):
            found.append(restored)
    return found


def saved_overrides(path: Path) -> SavedOverrides:
    """Return the overrides, pauses and mutes in a snapshot, to restore a lost ledger; ignore invalid entries."""
    document = current(path) or {}
    overridden, paused, muted = (_table(document.get(key)) for key in ("overridden", "paused", "muted"))
    return SavedOverrides(
        enabled={key: enabled for key, enabled in _by_key(overridden) if isinstance(enabled, bool)},
        paused=_ends(paused),
        muted=_ends(muted),
    )


def _by_key(table: dict[str, Any]) -> Iterator[tuple[JobKey, Any]]:
    """Yield the entries of *table* by key; ignore an entry if its name is not a valid label."""
    for label, value in table.items():
        with suppress(ValueError):
            yield ALL_JOBS if label == ALL else read_label(label), value


def _ends(table: dict[str, Any]) -> dict[JobKey, Instant | None]:
    return {key: until for key, value in _by_key(table) for until in _end(value)}


def _table(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _end(value: Any) -> list[Instant | None]:
    """Return a list with the instant that *value* names, or with None for None; an empty list if *value* is invalid."""
    if value is None:
        return [None]
    try:
        instant = int(datetime.fromisoformat(value).timestamp())
    except (ValueError, TypeError, OverflowError):
        return []
    return [instant] if is_instant(instant) else []


def _is_valid(restored: Restored) -> bool:
    instants = [instant for instant in (restored.position, restored.window_start) if instant is not None]
    return all(map(is_instant, instants)) and all(map(is_schedule, restored.schedules))
