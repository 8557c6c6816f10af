"""The queries and bodies of the REST interface: requests are validated with them, OpenAPI describes them."""

from typing import Annotated, Literal, cast, get_type_hints

import msgspec

from scheduled.actions.registry import keys
from scheduled.config.job_table import OFF
from scheduled.config.tables import JobTable, RetryTable
from scheduled.core.jobs import CatchUp, Priority
from scheduled.core.runs import RunStatus
from scheduled.schedules.kinds.registry import KINDS as SCHEDULES

Limit = Annotated[int, msgspec.Meta(ge=1, le=1000)]
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
Label = Annotated[str, msgspec.Meta(min_length=1, max_length=1000)]  # JOB or JOB@TARGET
Line = Annotated[str, msgspec.Meta(max_length=1000)]
Lines = Line | list[Line]
Interval = str | int
Off = Annotated[
    bool,
    msgspec.Meta(
        description="Only `false`: the job does without what [defaults] gives.",
        extra_json_schema={"enum": [False]},
    ),
]


class Query(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A query without parameters."""


class RunsQuery(Query, kw_only=True):
    """The newest *limit* runs: of one job or target (JOB@TARGET), with one status, since an interval ago (2h) or since an instant."""

    job_id: Label | None = None
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
    """The period from *from* until before *to*, ISO 8601, for all jobs, for one, or for one target (JOB@TARGET)."""

    first: Line = msgspec.field(name="from")
    last: Line = msgspec.field(name="to")
    job: Label | None = None


class WaitQuery(Query, kw_only=True):
    """The number of seconds to wait for the end of the run."""

    wait: Annotated[int, msgspec.Meta(ge=0, le=60)] = 0


class OverrideBody(msgspec.Struct, forbid_unknown_fields=True):
    """The state to set; without *enabled*, the opposite of the current state."""

    enabled: bool | None = None


class PauseBody(msgspec.Struct, forbid_unknown_fields=True):
    """The end of the pause: 18:30, +2h or ISO 8601; without *until*, the job stays paused until it is resumed."""

    until: Line | None = None


class MuteBody(msgspec.Struct, forbid_unknown_fields=True):
    """The end of the mute: 2d, +2h, 18:30 or ISO 8601; without *until*, it lasts until it is undone."""

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


class LimitsBody(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """The limits of the processes of a job; `false` switches one off."""

    memory: Interval | Off | None = None
    cpu: Interval | Off | None = None
    file_size: Interval | Off | None = None
    open_files: int | Off | None = None
    processes: int | Off | None = None


class ChangeBody(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """The keys of a job to change; null removes a key, and false switches off what `[defaults]` gives for it."""

    description: Line | None = None
    labels: dict[str, str] | None = None
    cron: Lines | None = None
    every: Interval | None = None
    at: Lines | None = None
    on: Line | None = None
    timezone: Line | None = None
    command: str | list[str] | None = None
    python: Line | None = None
    handler: Line | None = None
    chain: list[str | list[str]] | None = None
    after: list[str] | None = None
    priority: Priority | None = None
    catch_up: CatchUp | None = None
    grace: Interval | Off | None = None
    timeout: Interval | None = None
    retry: RetryBody | Off | None = None
    not_between: list[str] | Off | None = None
    jitter: Interval | None = None
    group: Line | Off | None = None
    cwd: Line | Off | None = None
    env: dict[str, str | int | float | bool] | Off | None = None
    secrets: dict[str, str | Off] | Off | None = None
    limits: LimitsBody | Off | None = None
    enabled: bool | None = None


class JobBody(ChangeBody, kw_only=True):
    """A new job: its name, one schedule key and one action key.

    `job_type`, `schedule`, `cron_expression`, `timeout_seconds`, `script_path`, `arguments`, `max_retries`,
    `retry_on_fail` and `is_active` are other spellings.
    """

    name: Name
    job_type: Literal["interval", "cron", "event", "manual"] | None = None
    schedule: Lines | None = None
    cron_expression: Lines | None = None
    timeout_seconds: int | None = None
    script_path: str | None = None
    arguments: str | None = None
    max_retries: Annotated[int, msgspec.Meta(ge=0)] | None = None
    retry_on_fail: bool | None = None
    is_active: bool | None = None


def with_all_keys(body: type[ChangeBody]) -> type[ChangeBody]:
    """Return *body* with all keys of a job table, and of all registered kinds of schedule and action, added to its own."""
    known = set(body.__struct_fields__)
    when = {
        name: get_type_hints(kind.Keys)[field]
        for kind in SCHEDULES.values()
        for field, name in zip(kind.Keys.__struct_fields__, kind.Keys.__struct_encode_fields__, strict=True)
    }
    what = {name: key.type for name, key in keys().items()}
    table = get_type_hints(JobTable)
    further = [
        (name, found | Off | None if name in OFF else found | None, None)
        for name, found in {**table, **when, **what}.items()
        if name not in known
    ]
    made = msgspec.defstruct(
        body.__name__, further, bases=(body,), module=__name__, forbid_unknown_fields=True, kw_only=True
    )
    made.__doc__ = body.__doc__
    return cast("type[ChangeBody]", made)
