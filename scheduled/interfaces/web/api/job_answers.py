"""The answers of the REST interface about jobs and their slots.

The types name the fields that a client may rely on. An answer may have more fields.
"""

from typing import Any, Literal

import msgspec

from scheduled.core.jobs import Priority


class TargetState(msgspec.Struct, kw_only=True):
    """The state of one target of a job."""

    target: str | None
    enabled: bool
    paused: bool
    next_run: str | None
    open_reason: str | None
    running: bool
    last_run: str | None
    last_status: str | None


class JobLine(msgspec.Struct, kw_only=True):
    """A job in the list of jobs; *targets* is null for a job without `for_each`, and for one target of a job.

    *list_problem* is why its list of targets could not be read completely, null if it could.
    """

    name: str
    target: str | None
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
    targets: list[TargetState] | None
    list_problem: str | None
    assumed: list[str] | msgspec.UnsetType = msgspec.UNSET


class JobAnswer(JobLine, kw_only=True):
    """A job: its settings, its state and its next slots."""

    settings: dict[str, Any]
    settings_words: dict[str, str]
    state: dict[str, Any]
    next: list[str]


class Chain(JobLine, kw_only=True):
    """A chain and its steps; the jobs of one step run in parallel."""

    steps: list[list[str]]
    on_failure: Literal["stop", "continue"]


class Slot(msgspec.Struct, kw_only=True):
    """A future run, and its slot, if it has one; *assumed* is what this instant depends on."""

    job: str
    target: str | msgspec.UnsetType = msgspec.UNSET
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
    """Sentences that explain a job, its past (*last_outcome*) and its future, and the facts behind them.

    Of a job with `for_each`, *targets* has the sentences about each target.
    """

    job: str
    target: str | None
    last_outcome: str | msgspec.UnsetType = msgspec.UNSET
    sentence: str
    targets: list[dict[str, Any]] | msgspec.UnsetType = msgspec.UNSET


class RecentStatus(msgspec.Struct, kw_only=True):
    """The status of a run, or the verdict of consecutive slots that were decided together."""

    target: str | None
    at: str
    until: str
    slots: int
    status: str
    reason: str | None
    run_id: str | None


class OverrideAnswer(msgspec.Struct, kw_only=True):
    """Whether a job or target is enabled, and whether the request changed that; *still*: its disabled targets."""

    job: str
    target: str | None
    enabled: bool
    changed: bool
    still: list[str]
    dry_run: bool


class Paused(msgspec.Struct, kw_only=True):
    """Whether a job (null: all jobs) or target is paused."""

    job: str | None
    target: str | None
    paused: bool
    dry_run: bool


class Muted(msgspec.Struct, kw_only=True):
    """Whether a job or target is muted."""

    job: str | None
    target: str | None
    muted: bool
    dry_run: bool


class Acknowledged(msgspec.Struct, kw_only=True):
    """An incident that is acknowledged."""

    job: str | None
    target: str | None
    key: str
    text: str
    acknowledged_at: str
    dry_run: bool


class Skipped(msgspec.Struct, kw_only=True):
    """The number of slots that were skipped or are open again, and the runs that are not retried.

    Of a job with `for_each`, *targets* has the number of slots of each target.
    """

    job: str
    target: str | None
    targets: list[dict[str, Any]] | msgspec.UnsetType = msgspec.UNSET
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
