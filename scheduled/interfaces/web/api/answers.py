"""The other answers of the REST interface. An answer may have more fields than its type names."""

from typing import Any

import msgspec


class Status(msgspec.Struct, kw_only=True):
    """The status of all jobs and of the ticks."""

    healthy: bool
    problems: list[str]
    ticks: dict[str, Any]
    scheduler_running: bool
    uptime_seconds: int
    job_count: int
    next_job: dict[str, Any] | None
    last_execution: dict[str, Any] | None
    stats: dict[str, Any]
    jobs: list[dict[str, Any]]
    queue: dict[str, Any]
    undelivered: int
    paused: dict[str, str | None]


class Audited(msgspec.Struct, kw_only=True):
    """Whether every slot up to the last tick has a verdict or an open reason, and the slots that do not.

    It is not ok either if ticks have stopped.
    """

    ok: bool
    slots: int
    horizon: str | None
    until: str | None
    seconds_ago: int | None
    ticks: dict[str, Any]
    ticks_problem: str | None
    problems: list[dict[str, Any]]


class Checked(msgspec.Struct, kw_only=True):
    """Whether the configuration is valid, with its problems and warnings."""

    ok: bool
    problems: list[str]
    warnings: list[str]


class Incident(msgspec.Struct, kw_only=True):
    """An incident, and since when it exists; its job is null if it concerns scheduled itself."""

    job: str | None
    target: str | None
    key: str
    text: str
    since: str
    payload: dict[str, Any]
    kind: str
    failed_runs: int
    last_success: str | None
    output: list[str]
    to_do: list[str]
    acknowledged_at: str | None
    muted: bool


class Notice(msgspec.Struct, kw_only=True):
    """A notice that is not delivered yet."""

    id: str
    recipient: str
    subject: str
    tries: int
    error: str


class Emitted(msgspec.Struct, kw_only=True):
    """An event that was published, and the jobs that the next tick starts for it."""

    event: str
    jobs: list[str]
    dry_run: bool


class Problem(msgspec.Struct, kw_only=True):
    """Problem details (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str
