"""The answers of the REST interface about jobs and their slots.

The types name the fields that a client may rely on. An answer may have more fields.
"""

from typing import Any, Literal

import msgspec

from scheduled.core.jobs import Priority


class JobLine(msgspec.Struct, kw_only=True):
    """A job in the list of jobs."""

    name: str
    description: str
    schedule: str
    schedule_words: str
    schedules: list[str]
    zone: str
    action: str
    enabled: bool
    paused: bool
    priority: Priority | None
    next_run: str | None
    open_reason: str | None
    running: bool
    last_run: str | None
    last_status: str | None
    source: str
    assumed: list[str] | msgspec.UnsetType = msgspec.UNSET


class JobAnswer(JobLine, kw_only=True):
    """A job: its settings, its state and its next slots."""

    settings: dict[str, Any]
    state: dict[str, Any]
    next: list[str]


class Chain(JobLine, kw_only=True):
    """A chain and its steps; the jobs of one step run in parallel."""

    steps: list[list[str]]
    on_failure: Literal["stop", "continue"]


class Slot(msgspec.Struct, kw_only=True):
    """A future run, and its slot, if it has one; *assumed* is what this instant depends on."""

    job: str
    scheduled_for: str | None
    runs_at: str
    assumed: list[str] | msgspec.UnsetType = msgspec.UNSET


class Upcoming(msgspec.Struct, kw_only=True):
    """A slot, and the tick that runs it. If it does not run, *runs_at* is null and *reason* is why."""

    job: str
    target: str | None
    scheduled_for: str | None
    runs_at: str | None
    reason: str | None
    assumed: list[str] | msgspec.UnsetType = msgspec.UNSET


class Explanation(msgspec.Struct, kw_only=True):
    """Sentences that explain a job, its past (*last_outcome*) and its future, and the facts behind them."""

    job: str
    target: str | None
    last_outcome: str | msgspec.UnsetType = msgspec.UNSET
    sentence: str


class RecentStatus(msgspec.Struct, kw_only=True):
    """The status of a run, or the verdict of consecutive slots that were decided together."""

    at: str
    until: str
    slots: int
    status: str
    reason: str | None
    run_id: str | None


class OverrideAnswer(msgspec.Struct, kw_only=True):
    """Whether a job is enabled, and whether the request changed that."""

    job: str
    enabled: bool
    changed: bool
    dry_run: bool


class Paused(msgspec.Struct, kw_only=True):
    """Whether a job (null: all jobs) is paused."""

    job: str | None
    paused: bool
    dry_run: bool


class Skipped(msgspec.Struct, kw_only=True):
    """The number of slots that were skipped or are open again, and the runs that are not retried."""

    job: str
    retries: list[str]
    skipped: int
    undone: int
    first: str | None
    last: str | None
    dry_run: bool


class Edited(msgspec.Struct, kw_only=True):
    """A change of a configuration file."""

    job: str
    path: str
    changed: bool
    deleted: bool
    dry_run: bool
    backup: str | None
    warnings: list[str]
    diff: str
