"""The types of the JSON documents of the REST interface: requests are validated with them, OpenAPI describes them.

Types of answers name the fields that a client may rely on. An answer may have more fields.
"""

from typing import Annotated, Any, Literal, cast, get_type_hints

import msgspec

from scheduled.actions.registry import keys
from scheduled.config.tables import JobTable, RetryTable
from scheduled.core.jobs import CatchUp, Priority
from scheduled.core.runs import RunStatus
from scheduled.schedules.kinds.registry import KINDS as SCHEDULES

Limit = Annotated[int, msgspec.Meta(ge=1, le=1000)]
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
Line = Annotated[str, msgspec.Meta(max_length=1000)]
Interval = str | int


class Query(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A query without parameters."""


class RunsQuery(Query, kw_only=True):
    """The newest *limit* runs: of one job, with one status, since an interval ago (2h) or since an instant."""

    job_id: Name | None = None
    since: Line | None = None
    status: RunStatus | None = None
    limit: Limit = 20


class SlotsQuery(Query, kw_only=True):
    """The number of slots."""

    limit: Limit = 10


class AtQuery(Query, kw_only=True):
    """The slot at or before the instant *at*; without it, the job's present state."""

    at: Line | None = None


class PeriodQuery(Query, kw_only=True):
    """The slots after *after* up to and including *until*, ISO 8601; without them, all that are kept."""

    after: Line | None = None
    until: Line | None = None


class LogsQuery(Query, kw_only=True):
    """The number of last lines (without it, the whole output) of an attempt (without it, the newest with output)."""

    lines: Annotated[int, msgspec.Meta(ge=0, le=100_000)] | None = None
    attempt: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] | None = None


class SpanQuery(Query, kw_only=True):
    """The period from *from* until before *to*, ISO 8601, for all jobs or for one."""

    first: Line = msgspec.field(name="from")
    last: Line = msgspec.field(name="to")
    job: Name | None = None


class WaitQuery(Query, kw_only=True):
    """The number of seconds to wait for the end of the run."""

    wait: Annotated[int, msgspec.Meta(ge=0, le=60)] = 0


class OverrideBody(msgspec.Struct, forbid_unknown_fields=True):
    """The state to set; without *enabled*, the opposite of the current state."""

    enabled: bool | None = None


class PauseBody(msgspec.Struct, forbid_unknown_fields=True):
    """The end of the pause: 18:30, +2h or ISO 8601; without *until*, the job stays paused until it is resumed."""

    until: Line | None = None


class SlotBody(msgspec.Struct, forbid_unknown_fields=True):
    """The slot to skip, ISO 8601; without it, all open slots."""

    slot: Line | None = None


class SkipBody(SlotBody, forbid_unknown_fields=True):
    """The slot to skip, ISO 8601, without it all open slots; with *undo*, open skipped slots again."""

    undo: bool = False


class EventBody(msgspec.Struct, forbid_unknown_fields=True):
    """An event: its name and its data."""

    name: Name
    payload: dict[str, str | int | float | bool] = {}


class RetryBody(RetryTable, forbid_unknown_fields=True):
    """The number of attempts of a run, and the delay between them."""

    max_attempts: Annotated[int, msgspec.Meta(ge=1)] = 1


class ChangeBody(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """The keys of a job to change; null removes a key."""

    description: Line | None = None
    labels: dict[str, str] | None = None
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
    retry: RetryBody | bool | None = None
    not_between: list[str] | None = None
    jitter: Interval | None = None
    group: Line | None = None
    cwd: Line | None = None
    env: dict[str, str | int | float | bool] | None = None
    enabled: bool | None = None


class JobBody(ChangeBody, kw_only=True):
    """A new job: its name, one schedule key and one action key.

    `job_type`, `schedule`, `cron_expression`, `timeout_seconds`, `script_path`, `arguments`, `max_retries`,
    `retry_on_fail` and `is_active` are other spellings.
    """

    name: Name
    job_type: Literal["interval", "cron", "event", "manual"] | None = None
    schedule: Line | None = None
    cron_expression: Line | None = None
    timeout_seconds: int | None = None
    script_path: str | None = None
    arguments: str | None = None
    max_retries: Annotated[int, msgspec.Meta(ge=0)] | None = None
    retry_on_fail: bool | None = None
    is_active: bool | None = None


def with_all_keys(body: type[ChangeBody]) -> type[ChangeBody]:
    """Return *body* with all keys of a job table, and of all registered kinds of schedule and action, added to its own."""
    known = set(body.__struct_fields__)
    when = {name: field for kind in SCHEDULES.values() for name, field in get_type_hints(kind.Keys).items()}
    what = {name: key.type for name, key in keys().items()}
    table = get_type_hints(JobTable)
    further = [
        (name, found | None, None) for name, found in {**table, **when, **what}.items() if name not in known
    ]
    made = msgspec.defstruct(
        body.__name__, further, bases=(body,), module=__name__, forbid_unknown_fields=True, kw_only=True
    )
    made.__doc__ = body.__doc__
    return cast("type[ChangeBody]", made)


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


class JobAnswer(JobLine, kw_only=True):
    """A job: its settings, its state and its next slots."""

    settings: dict[str, Any]
    state: dict[str, Any]
    next: list[str]


class Chain(JobLine, kw_only=True):
    """A chain and its steps; the jobs of one step run in parallel."""

    steps: list[list[str]]
    on_failure: Literal["stop", "continue"]


class Run(msgspec.Struct, kw_only=True):
    """A run in the history, or slots that were skipped without a run (`run_id` is null)."""

    run_id: str | None
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
    host: str | None
    host_id: str | None
    result: dict[str, Any] | None


class Attempt(msgspec.Struct, kw_only=True):
    """An attempt of a run that has ended."""

    attempt: int
    status: str
    reason: str | None
    started_at: str | None
    finished_at: str | None
    duration_ms: int | None
    exit_code: int | None
    has_output: bool
    result: dict[str, Any] | None


class StepRun(msgspec.Struct, kw_only=True):
    """A job in a step of a chain's run, and its run there; its fields are null if it has not started."""

    job: str
    target: str | None
    run_id: str | None
    status: str | None
    reason: str | None
    started_at: str | None
    finished_at: str | None
    duration_ms: int | None
    exit_code: int | None
    result: dict[str, Any] | None


class RunAnswer(Run, kw_only=True):
    """A run: its attempts that have ended, the chain run that started it, and, for the run of a chain, its steps."""

    parent: str | None
    attempts: list[Attempt]
    steps: list[list[StepRun]] | None


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


class Logs(msgspec.Struct, kw_only=True):
    """The output of a run."""

    run_id: str | None
    job: str
    status: str | None
    attempt: int | None
    newer: int
    size: int
    output: str


class Started(msgspec.Struct, kw_only=True):
    """A requested run; once it is over, *result* is the document that `run --json` prints.

    *run_id* is null as long as the gates of other jobs are evaluated. *run_ids* has the same id.
    """

    job: str
    run_id: str | None
    run_ids: list[str]
    over: bool
    result: dict[str, Any] | None


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
    """Whether every slot has a verdict or an open reason, and the slots that do not."""

    ok: bool
    slots: int
    horizon: str | None
    problems: list[dict[str, Any]]


class Checked(msgspec.Struct, kw_only=True):
    """Whether the configuration is valid, with its problems and warnings."""

    ok: bool
    problems: list[str]
    warnings: list[str]


class Previewed(msgspec.Struct, kw_only=True):
    """A schedule, also in words, and its next slots."""

    schedule: str
    schedule_words: str
    schedules: list[str]
    zone: str
    next: list[str]


class Incident(msgspec.Struct, kw_only=True):
    """An incident, and since when it exists; its job is null if it concerns scheduled itself."""

    job: str | None
    target: str | None
    key: str
    text: str
    since: str
    payload: dict[str, Any]


class RecentStatus(msgspec.Struct, kw_only=True):
    """The status of a run, or the verdict of consecutive slots that were decided together."""

    at: str
    until: str
    slots: int
    status: str
    reason: str | None
    run_id: str | None


class Skipped(msgspec.Struct, kw_only=True):
    """The number of slots that were skipped or are open again, and the runs that are not retried."""

    job: str
    retries: list[str]
    skipped: int
    undone: int
    first: str | None
    last: str | None
    dry_run: bool


class Stopped(msgspec.Struct, kw_only=True):
    """A run that is being stopped, with its steps if it is a chain; `pid` is null without a process."""

    run_id: str
    job: str
    pid: int | None
    status: RunStatus
    steps: list[str]


class Planned(msgspec.Struct, kw_only=True):
    """A job that a tick would start now, or would not start, with the reason."""

    job: str
    target: str | None


class Notice(msgspec.Struct, kw_only=True):
    """A notice that is not delivered yet."""

    id: str
    recipient: str
    subject: str
    tries: int


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
