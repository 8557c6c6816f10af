"""Runs, their attempts, and the slots they stand for, as values."""

from typing import Any, Literal

import msgspec

from scheduled.core.keys import Keyed
from scheduled.schedules.schedule import Schedule
from scheduled.schedules.zones import Instant

AttemptStatus = Literal["success", "failed", "timed_out", "interrupted", "skipped", "deferred"]


Verdict = Literal["success", "failed", "skipped", "coalesced"]


OpenReason = Literal["waiting_retry", "gate", "quiet", "budget", "paused", "running", "queued", "ask"]


RunStatus = Literal[
    "claimed", "running", "waiting_retry", "success", "failed", "timed_out", "interrupted", "skipped"
]


FAILED: frozenset[str] = frozenset(
    {"failed", "timed_out", "interrupted"}
)  # what a run that failed for good can be
UNDER_WAY: frozenset[str] = frozenset({"claimed", "running"})
OPEN = UNDER_WAY | {"waiting_retry"}  # a run without an end

AFTER = "after"  # what triggers a job without a schedule: those that it comes after have succeeded


class JobState(Keyed, frozen=True, kw_only=True):
    """The state of a job, or of one *target* of it, in the ledger, as far as planning must know.

    *position*: every slot up to it has a verdict. *epoch*: when its *schedules* came into force. *open_run*:
    the run of a slot that has no verdict yet; *others*: waiting runs that no schedule asked for. *busy*: some run of
    the job, a manual one too, is under way. *decided*: single slots beyond the position that have their verdict.
    """

    job: str
    target: str = ""
    position: Instant
    epoch: Instant
    schedules: tuple[Schedule, ...]
    window_start: Instant | None = None
    open_run: "OpenRun | None" = None
    busy: bool = False
    others: tuple["OpenRun", ...] = ()
    decided: tuple[Instant, ...] = ()
    last_run_at: float | None = None
    last_status: str | None = None


class Span(msgspec.Struct, frozen=True):
    """*count* slots of a job, the first and the last of them named."""

    first: Instant
    last: Instant
    count: int


class Claim(Keyed, frozen=True, kw_only=True):
    """What a tick wants to start. *slot* is None for a run that no schedule asked for.

    With *verify* the attempt before was interrupted, and the job can tell whether its work was done. *event* and
    *payload* are what triggered it; *parent* and *step* its place in a chain's run; *depth* counts what led to it.
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

    @property
    def _logical_time(self) -> dict[str, Any]:
        return logical_time(self)

    @property
    def scheduled_for(self) -> Instant | None:
        """The instant that the run stands for."""
        return stands_for(self)

    @property
    def missed(self) -> int:
        """How many slots it stands for beside that instant."""
        return max(0, self.slots - 1) or int(self._logical_time.get("missed") or 0)

    @property
    def since(self) -> Instant | None:
        """The instant that the last success stood for: what came after it is this run's to do."""
        return self._logical_time.get("window_start", self.window_start)


class TriggerRow(Keyed, frozen=True, kw_only=True):
    """What waits, since *at*, to start a job: an event that it listens to, or its turn in the chain run *parent*."""

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
    """A run without an end: *status* is claimed, running or waiting_retry.

    A waiting one is due at *retry_at*; None there means that a person is asked. *reason* is that of the last
    attempt, which was *interrupted* or not.
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
    reason: str = ""
    interrupted: bool = False
    event: str = ""
    payload: dict[str, Any] = msgspec.field(default_factory=dict)
    parent: str = ""
    step: int = 0
    depth: int = 0
    started_at: float | None = None


class AttemptResult(msgspec.Struct, frozen=True, kw_only=True):
    """How one attempt ended, as the supervisor saw it (or as its absence says: `interrupted`).

    *output* is the file of what it printed, relative to the state directory; None if it printed nothing. *failure_class*
    says what kind of failure it was; *model*, *tokens* and *cost* what an agent's session took: None where that is not known.
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
    output: str | None = None
    failure_class: str | None = None
    model: str | None = None
    tokens: int | None = None
    cost: float | None = None


def logical_time(run: Claim | OpenRun) -> dict[str, Any]:
    """Return what somebody who asked for a run, or the chain that it is a step of, said that it stands for."""
    return run.payload if run.trigger in ("manual", "chain") else {}


def stands_for(run: Claim | OpenRun) -> Instant | None:
    """Return the instant that a run stands for."""
    return run.slot if run.slot is not None else logical_time(run).get("scheduled_for")
