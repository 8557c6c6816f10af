"""The types of the snapshot's own keys, for `state verify`: a lost ledger is restored from them.

To restore, invalid entries are ignored (`essentials`). A backup that has one is damaged. A key that an older version did
not write is missing, which is no damage.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

import msgspec

from scheduled.core.keys import read_label
from scheduled.schedules.schedule import Schedule
from scheduled.state.snapshot_summary import ALL
from scheduled.state.sqlite.row_rules import is_generation
from scheduled.state.validation import is_instant, is_schedule


class _Job(msgspec.Struct, frozen=True):
    next_run: datetime | None = None
    last_run: datetime | None = None
    last_status: str | None = None
    run_count: int = 0
    failure_count: int = 0
    position: int = 0
    window_start: int | None = None
    schedules: tuple[Schedule, ...] = ()


class _LastRun(msgspec.Struct, frozen=True):
    hourly: datetime | None = None
    daily_report: datetime | None = None


class _MemoryRollover(msgspec.Struct, frozen=True):
    notified_files: list[str] = []
    last_check: datetime | None = None


class _Totals(msgspec.Struct, frozen=True):
    auto_opened_total: int = 0
    auto_closed_total: int = 0


class _MailCleanup(msgspec.Struct, frozen=True):
    last_run: datetime | None = None
    stats: _Totals = _Totals()


class _Counts(msgspec.Struct, frozen=True):
    healthy: int = 0
    warnings: int = 0
    errors: int = 0


class _HealthCheck(msgspec.Struct, frozen=True):
    last_run: datetime | None = None
    last_status: _Counts = _Counts()


class _LastError(msgspec.Struct, frozen=True):
    text: str
    at: datetime
    job: str | None = None
    target: str | None = None
    run_id: str | None = None


class _Own(msgspec.Struct, frozen=True):
    """The keys of `snapshot_keys.OWN`; the header `_idle` has a checksum of its own."""

    version: int = 1
    written_at: datetime | None = None
    next_due: datetime | None = None
    last_run: _LastRun = _LastRun()
    memory_rollover: _MemoryRollover = _MemoryRollover()
    mail_cleanup: _MailCleanup = _MailCleanup()
    health_check: _HealthCheck = _HealthCheck()
    last_error: _LastError | None = None
    jobs: dict[str, Any] = {}
    generation: int = 0
    overridden: dict[str, bool] = {}
    paused: dict[str, datetime | None] = {}
    muted: dict[str, datetime | None] = {}


def faults(document: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is wrong with the types and values of the own keys of a snapshot's *document*."""
    try:
        own = msgspec.convert(document, _Own)
    except (ValueError, RecursionError) as error:
        yield f"is damaged: {error}"
        return
    if not is_generation(str(own.generation)):
        yield "is damaged: its generation is not valid"
    for label in (*own.jobs, *own.overridden, *own.muted, *(label for label in own.paused if label != ALL)):
        if not _is_label(label):
            yield f"is damaged: {label!r} is not the name of a job"
    for label, entry in own.jobs.items():
        if reason := _fault(entry):
            yield f"is damaged: jobs.{label}: {reason}"


def _is_label(text: str) -> bool:
    try:
        read_label(text)
    except ValueError:
        return False
    return True


def _fault(entry: Any) -> str:
    try:
        job = msgspec.convert(entry, _Job)
    except (ValueError, RecursionError) as error:
        return str(error)
    for name in ("position", "window_start"):
        instant = getattr(job, name)
        if instant is not None and not is_instant(instant):
            return f"{name}: {instant} is not a valid instant"
    odd = next((one for one in job.schedules if not is_schedule(one)), None)
    return "" if odd is None else f"{odd.expression!r} is not a valid schedule"
