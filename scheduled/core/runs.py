"""Runs, their attempts and the slots that they cover, as values."""

from typing import Any, Literal

import msgspec

from scheduled.core.keys import Keyed
from scheduled.schedules.schedule import Schedule
from scheduled.schedules.zones import Instant, Seconds

AttemptStatus = Literal["success", "failed", "timed_out", "interrupted", "skipped", "deferred", "stopped"]


Verdict = Literal["success", "failed", "skipped", "coalesced"]


OpenReason = Literal[
    "waiting_retry",
    "gate",
    "quiet",
    "jitter",
    "start_delay",
    "budget",
    "paused",
    "running",
    "queued",
    "group",
    "after",
    "ask",
    "deferred",
    "due",
]


RunStatus = Literal[
    "claimed",
    "running",
    "waiting_retry",
    "success",
    "failed",
    "timed_out",
    "interrupted",
    "skipped",
    "stopped",
]


# The statuses of a run that has failed for good.
FAILED: frozenset[str] = frozenset({"failed", "timed_out", "interrupted"})
# The statuses of a run that is in progress, and of a run that has not ended.
UNDER_WAY: frozenset[str] = frozenset({"claimed", "running"})
OPEN = UNDER_WAY | {"waiting_retry"}

# How the reason of an attempt begins of which `pre` did not end well: its command did not start.
IN_PRE = "pre: "
# The class of the failure of an attempt that ended with success, but not with what `expect` names.
UNEXPECTED = "unexpected"
# In place of an event's name, for a job without a schedule: the jobs that it comes after have succeeded.
AFTER = "after"


class JobState(Keyed, frozen=True, kw_only=True):
    """The part of the state of a job, or of one *target* of it, that the planner needs.

    Every slot up to *position* has a verdict. *epoch* is the instant at which *schedules* came into force.
    *former* are the earlier epochs with slots after the position: their zone was the host's, which changed.
    *open_run* is the run of a slot without a verdict; *others* are runs without a slot that wait for a retry.
    *busy* is true while any run of the job is in progress, also a manual one; *claimed* if none of them has
    started. *decided* are the slots after
    the position that already have a verdict. *last_status* is what became last of the job, by which the jobs go that come
    after it: of its newest run, but not of one by hand that failed without a slot, or of a slot that was skipped since.
    *expected* is how long a prediction assumes that a run takes.
    *occupied* are the spans of time (began, ended] in which its runs were under way, as far as the job's `overlap` depends on
    them.
    """

    job: str
    target: str = ""
    position: Instant
    epoch: Instant
    schedules: tuple[Schedule, ...]
    window_start: Instant | None = None
    open_run: "OpenRun | None" = None
    busy: bool = False
    claimed: bool = False
    others: tuple["OpenRun", ...] = ()
    decided: tuple[Instant, ...] = ()
    former: tuple["FormerEpoch", ...] = ()
    last_run_at: float | None = None
    last_status: str | None = None
    occupied: tuple[tuple[Instant, Instant], ...] = ()
    expected: Seconds = 0

    def has_retry_due(self, now: Instant) -> bool:
        """Return whether a run without a slot is due again at *now*."""
        return any(run.retry_at is not None and run.retry_at <= now for run in self.others)


class FormerEpoch(msgspec.Struct, frozen=True):
    """An epoch that has ended: the *schedules* with the slots in (*starts_at*, *ends_at*]."""

    schedules: tuple[Schedule, ...]
    starts_at: Instant
    ends_at: Instant


class Span(msgspec.Struct, frozen=True):
    """Consecutive slots of a job: the first, the last and their number."""

    first: Instant
    last: Instant
    count: int


class Skip(msgspec.Struct, frozen=True):
    """Slots that get the verdict `skipped`, with a *reason* and without a run."""

    span: Span
    reason: str


class Claim(Keyed, frozen=True, kw_only=True):
    """A run, or another attempt of it, that a tick claims. *slot* is None for a run without a slot.

    *slots* is the number of slots that the run covers. *verify* is true if the previous attempt was
    interrupted, so that the job can check whether its work was done. *event* and *payload* are those of the
    start request. *parent* and *step* are the run's place in the run of a chain. *depth* is the number of
    events and chains that led to the run. *began* is the start of its first attempt, None for that one.
    """

    run_id: str
    job: str
    target: str = ""
    slot: Instant | None
    attempt: int
    slots: int
    trigger: str
    window_start: Instant | None = None
    verify: bool = False
    event: str = ""
    payload: dict[str, Any] = msgspec.field(default_factory=dict)
    parent: str = ""
    step: int = 0
    depth: int = 0
    began: float | None = None

    @property
    def _logical_time(self) -> dict[str, Any]:
        return logical_time(self)

    @property
    def scheduled_for(self) -> Instant | None:
        """The scheduled instant of the run, if it has one."""
        return scheduled_for(self)

    @property
    def missed(self) -> int:
        """How many further slots the run covers."""
        return max(0, self.slots - 1) or int(self._logical_time.get("missed") or 0)

    @property
    def effective_window_start(self) -> Instant | None:
        """The scheduled instant of the last successful slot. The run covers the time since then."""
        return self._logical_time.get("window_start", self.window_start)


class StartRequest(Keyed, frozen=True, kw_only=True):
    """A request, made at *at*, to start a job because of an event or as a step of the run *parent*."""

    id: int
    job: str
    target: str = ""
    event: str
    payload: dict[str, Any]
    depth: int
    parent: str = ""
    step: int = 0
    at: float = 0


class OpenRun(Keyed, frozen=True, kw_only=True):
    """A run that has not ended: *status* is claimed, running or waiting_retry.

    A waiting run is due again at *retry_at*; if that is None, the user has to decide. *reason* and
    *interrupted* are about the last attempt. *first_started_at* is the start of its first ended attempt.
    *claimed_at* is when its last attempt was claimed, or since when it waits for approval.
    *stop_requested*: the user ends it. *replaced*: a newer slot of a job with `overlap = "replace"` ends it.
    """

    run_id: str
    job: str
    target: str = ""
    slot: Instant | None
    status: str
    attempt: int
    slots: int
    trigger: str
    tick: str
    boot: str
    host: str = ""
    retry_at: Instant | None = None
    window_start: Instant | None = None
    interruptions: int = 0
    deferrals: int = 0
    stop_requested: bool = False
    replaced: bool = False
    reason: str = ""
    interrupted: bool = False
    event: str = ""
    payload: dict[str, Any] = msgspec.field(default_factory=dict)
    parent: str = ""
    step: int = 0
    depth: int = 0
    started_at: float | None = None
    first_started_at: float | None = None
    claimed_at: float = 0


class AttemptResult(msgspec.Struct, frozen=True, kw_only=True):
    """The result of one attempt as recorded by the supervisor; `interrupted` if there is no record.

    It is recorded as `stopped` if the user requested its end.

    *failure_class* is the kind of failure. *model*, *tokens* and *cost* are those of an agent's session. Each
    is None if unknown.
    """

    run_id: str
    attempt: int
    status: AttemptStatus
    started_at: float
    finished_at: float
    duration_ms: int
    exit_code: int | None = None
    signal: int | None = None
    reason: str = ""
    output_bytes: int = 0
    failure_class: str | None = None
    model: str | None = None
    tokens: int | None = None
    cost: float | None = None

    @property
    def printed(self) -> bool:
        """Whether the attempt printed something."""
        return self.output_bytes > 0


def is_event(found: StartRequest | Claim) -> bool:
    """Return whether an event made a start request, or the claim for it: no chain, and no job that it comes after."""
    return not found.parent and found.event not in ("", AFTER)


def logical_time(run: Claim | OpenRun) -> dict[str, Any]:
    """Return the instants given with a manual run, or inherited from the parent chain; empty for other runs.

    The keys are `scheduled_for`, `missed` and `window_start`; any of them may be missing.
    """
    return run.payload if run.trigger in ("manual", "chain") else {}


def scheduled_for(run: Claim | OpenRun) -> Instant | None:
    """Return the scheduled instant of a run: its slot or the instant given with it, or None."""
    return run.slot if run.slot is not None else logical_time(run).get("scheduled_for")
