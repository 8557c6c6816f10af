"""The documents that go over the wire, as types: what is read is checked against them, and OpenAPI tells them.

Of what is answered they name what a client may rely on; more fields may stand beside those.
"""

from typing import Annotated, Any, Literal, cast, get_type_hints

import msgspec

from scheduled.actions.registry import keys
from scheduled.core.jobs import CatchUp, Priority
from scheduled.core.runs import RunStatus
from scheduled.schedules.kinds.registry import KINDS as SCHEDULES

Limit = Annotated[int, msgspec.Meta(ge=1, le=1000)]
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
Line = Annotated[str, msgspec.Meta(max_length=1000)]
Interval = str | int


class Query(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """No query at all."""


class RunsQuery(Query, kw_only=True):
    """Which runs: those of one job, of one status, since 2h ago or an instant, the newest *limit*."""

    job_id: Name | None = None
    since: Line | None = None
    status: RunStatus | None = None
    limit: Limit = 20


class SlotsQuery(Query, kw_only=True):
    """How many slots."""

    limit: Limit = 10


class AtQuery(Query, kw_only=True):
    """Of the slot at or before this instant; without it, of now."""

    at: Line | None = None


class PeriodQuery(Query, kw_only=True):
    """The slots after *after*, until *until*, ISO 8601; without them, all that is kept."""

    after: Line | None = None
    until: Line | None = None


class LogsQuery(Query, kw_only=True):
    """Only the last *lines*."""

    lines: Annotated[int, msgspec.Meta(ge=0, le=100_000)] | None = None


class SpanQuery(Query, kw_only=True):
    """From when until when (not included), ISO 8601."""

    first: Line = msgspec.field(name="from")
    last: Line = msgspec.field(name="to")
    job: Name | None = None


class WaitQuery(Query, kw_only=True):
    """For how many seconds to wait for the run's end."""

    wait: Annotated[int, msgspec.Meta(ge=0, le=60)] = 0


class Toggle(msgspec.Struct, forbid_unknown_fields=True):
    """Enabled or not; without it, the other way round."""

    enabled: bool | None = None


class PauseBody(msgspec.Struct, forbid_unknown_fields=True):
    """Until when: 18:30, +2h, ISO 8601; without it, until it is resumed."""

    until: Line | None = None


class SlotBody(msgspec.Struct, forbid_unknown_fields=True):
    """One slot; without it, all that are open."""

    slot: Line | None = None


class EventBody(msgspec.Struct, forbid_unknown_fields=True):
    """Something that happened."""

    name: Name
    payload: dict[str, str | int | float | bool] = {}


class RetryBody(msgspec.Struct, forbid_unknown_fields=True):
    """How often a slot is tried."""

    max_attempts: Annotated[int, msgspec.Meta(ge=1)] = 1
    delay: Interval | None = None
    backoff_multiplier: float | None = None


class ChangeBody(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """What is to be different of a job; null takes a key out."""

    description: Line | None = None
    cron: Line | None = None
    every: Interval | None = None
    at: Line | None = None
    on: Line | None = None
    timezone: Line | None = None
    command: str | list[str] | None = None
    python: Line | None = None
    handler: Line | None = None
    chain: list[str | list[str]] | None = None
    after: list[str] | None = None
    priority: Priority | None = None
    catch_up: CatchUp | None = None
    grace: Interval | None = None
    timeout: Interval | None = None
    retry: RetryBody | None = None
    not_between: list[str] | None = None
    jitter: Interval | None = None
    group: Line | None = None
    cwd: Line | None = None
    env: dict[str, str] | None = None
    enabled: bool | None = None


class JobBody(ChangeBody, kw_only=True):
    """A job: its name, one *when*, one *what*; or with `job_type` and `schedule` (and their words)."""

    name: Name
    job_type: Literal["interval", "cron", "event", "manual"] | None = None
    schedule: Line | None = None
    cron_expression: Line | None = None
    timeout_seconds: int | None = None
    script_path: str | None = None
    arguments: str | None = None


def with_keys_of_kinds(body: type[ChangeBody]) -> type[ChangeBody]:
    """Return *body* with the keys of all kinds of schedule and action, also of those that it does not spell out."""
    known = set(body.__struct_fields__)
    when = {name: field for kind in SCHEDULES.values() for name, field in get_type_hints(kind.Keys).items()}
    what = {name: key.type for name, key in keys().items()}
    further = [(name, found | None, None) for name, found in {**when, **what}.items() if name not in known]
    made = msgspec.defstruct(
        body.__name__, further, bases=(body,), module=__name__, forbid_unknown_fields=True, kw_only=True
    )
    made.__doc__ = body.__doc__
    return cast("type[ChangeBody]", made)


class JobLine(msgspec.Struct, kw_only=True):
    """A job as the list of jobs has it."""

    name: str
    description: str
    schedule: str
    schedules: list[str]
    zone: str
    action: str
    enabled: bool
    paused: bool
    priority: Priority
    next_run: str | None
    open_reason: str | None
    running: bool
    last_run: str | None
    last_status: str | None
    source: str


class JobAnswer(JobLine, kw_only=True):
    """All of a job: what is configured, where it stands, its next slots."""

    settings: dict[str, Any]
    standing: dict[str, Any]
    next: list[str]


class Chain(JobLine, kw_only=True):
    """A chain and its steps; the jobs of one step run side by side."""

    steps: list[list[str]]
    on_failure: Literal["stop", "continue"]


class Run(msgspec.Struct, kw_only=True):
    """A run as history tells it."""

    run_id: str
    job: str
    target: str | None
    scheduled_for: str | None
    slots: int
    trigger: str
    attempt: int
    status: RunStatus
    reason: str | None
    started_at: str | None
    finished_at: str | None
    duration_ms: int | None
    exit_code: int | None
    host: str
    host_id: str
    result: dict[str, Any] | None


class Slot(msgspec.Struct, kw_only=True):
    """A slot to come, and when it runs."""

    job: str
    scheduled_for: str
    runs_at: str


class Upcoming(msgspec.Struct, kw_only=True):
    """A slot to come; why it is *held* back if nobody can say when it runs."""

    job: str
    target: str | None
    scheduled_for: str
    runs_at: str | None
    held: Literal["paused", "late"] | None


class Explanation(msgspec.Struct, kw_only=True):
    """A sentence, and what it rests on."""

    job: str
    target: str | None
    sentence: str


class Logs(msgspec.Struct, kw_only=True):
    """What a run printed."""

    run_id: str | None
    job: str
    status: str | None
    attempt: int | None
    newer: int
    size: int
    output: str


class Started(msgspec.Struct, kw_only=True):
    """A run that was asked for; *result* is what `run --json` prints, once it is over."""

    job: str
    over: bool
    result: dict[str, Any] | None


class Switched(msgspec.Struct, kw_only=True):
    """A job that is enabled or not, and whether that is news."""

    job: str
    enabled: bool
    changed: bool


class Paused(msgspec.Struct, kw_only=True):
    """A job (null: all of them) that is paused or not."""

    job: str | None
    paused: bool


class Edited(msgspec.Struct, kw_only=True):
    """What was written where."""

    job: str
    path: str
    changed: bool
    deleted: bool
    dry_run: bool
    backup: str | None
    warnings: list[str]
    diff: str


class Status(msgspec.Struct, kw_only=True):
    """How everything stands."""

    healthy: bool
    troubles: list[str]
    ticks: dict[str, Any]
    scheduler_running: bool
    uptime_seconds: int
    job_count: int
    next_job: dict[str, Any] | None
    last_execution: str | None
    stats: dict[str, Any]
    jobs: list[dict[str, Any]]
    undelivered: int
    paused: dict[str, str | None]


class Audited(msgspec.Struct, kw_only=True):
    """Whether every slot is accounted for."""

    ok: bool
    slots: int
    horizon: str | None
    problems: list[dict[str, Any]]


class Checked(msgspec.Struct, kw_only=True):
    """Whether the configuration is sound."""

    ok: bool
    problems: list[str]
    warnings: list[str]


class Previewed(msgspec.Struct, kw_only=True):
    """A schedule in words, and its next slots."""

    schedule: str
    schedules: list[str]
    zone: str
    next: list[str]


class Incident(msgspec.Struct, kw_only=True):
    """Something that is wrong now, and since when; without a job, the runner itself found it."""

    job: str | None
    target: str | None
    key: str
    since: str
    payload: dict[str, Any]


class Verdict(msgspec.Struct, kw_only=True):
    """A slot, or several that were decided together, and what became of it."""

    at: str
    until: str
    slots: int
    verdict: str
    reason: str | None
    run_id: str | None


class Skipped(msgspec.Struct, kw_only=True):
    """How many slots were let go of, and which runs are not tried again."""

    job: str
    retries: list[str]
    skipped: int
    first: str | None
    last: str | None


class Stopped(msgspec.Struct, kw_only=True):
    """A run whose end was asked for."""

    run_id: str
    job: str
    pid: int


class Planned(msgspec.Struct, kw_only=True):
    """A job that the next tick would start, or why it would not."""

    job: str
    target: str | None


class Notice(msgspec.Struct, kw_only=True):
    """A notice that is decided but not delivered."""

    id: str
    recipient: str
    subject: str
    tries: int


class Emitted(msgspec.Struct, kw_only=True):
    """An event that was told, and the jobs that the next tick starts for it."""

    event: str
    jobs: list[str]
    dry_run: bool


class Problem(msgspec.Struct, kw_only=True):
    """RFC 9457."""

    type: str
    title: str
    status: int
    detail: str
