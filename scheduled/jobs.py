"""The values everything else speaks of: jobs, their schedules and actions, runs and how they ended.

Instants are integers, UTC seconds since the epoch; durations are seconds.
"""

from datetime import UTC, datetime
from typing import Any, Literal

import msgspec

Instant = int
Seconds = int

Priority = Literal["critical", "high", "medium", "low"]
PRIORITIES: tuple[Priority, ...] = ("critical", "high", "medium", "low")

CatchUp = Literal["latest", "all", "none"]
OnInterrupted = Literal["rerun", "skip", "ask"]
Trigger = Literal["schedule", "manual", "event", "chain"]
AttemptStatus = Literal["success", "failed", "timed_out", "interrupted", "skipped"]
Verdict = Literal["success", "failed", "skipped", "coalesced"]
OpenReason = Literal["waiting_retry", "gate", "quiet", "budget", "paused", "running", "ask"]
RunStatus = Literal[
    "claimed", "running", "waiting_retry", "success", "failed", "timed_out", "interrupted", "skipped"
]

MINUTE: Seconds = 60
HOUR: Seconds = 3600
DAY: Seconds = 24 * HOUR


class Schedule(msgspec.Struct, frozen=True):
    """When a job is due. An epoch of the job lasts for as long as this value stays the same.

    *expression* is the cron expression, or the interval of `every` in seconds. *anchor* fixes the phase of
    `every`; where it is None the epoch's beginning does. *seed* spreads hashed (`H`) cron fields.
    """

    kind: Literal["cron", "every", "manual"]
    expression: str = ""
    zone: str = "UTC"
    anchor: Instant | None = None
    seed: str = ""


class Action(msgspec.Struct, frozen=True):
    """What a job does: *words* without a shell, *line* under /bin/sh -c, or a Python or handler *name*."""

    kind: Literal["command", "python", "handler"]
    words: tuple[str, ...] = ()
    line: str = ""
    name: str = ""


class Retry(msgspec.Struct, frozen=True):
    """How often a slot is tried (the first try counts) and how long is waited between tries."""

    max_attempts: int = 1
    delay: Seconds = 60
    backoff_multiplier: float = 1.0
    max_delay: Seconds = DAY

    def pause_after(self, attempt: int) -> Seconds:
        """Given the number of the attempt that failed, return how long to wait before the next."""
        # The exponent is bounded: a float overflows at about 1e308.
        return int(min(self.max_delay, self.delay * self.backoff_multiplier ** min(attempt - 1, 64)))


class Limits(msgspec.Struct, frozen=True):
    """Resource limits of a job's processes (setrlimit): bytes, seconds of CPU, counts."""

    memory: int | None = None
    cpu: Seconds | None = None
    file_size: int | None = None
    open_files: int | None = None
    processes: int | None = None


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """A named definition: when, what, and everything that shapes a run. *source* is the file that says so."""

    name: str
    schedule: Schedule
    action: Action
    source: str = ""
    description: str = ""
    enabled: bool = True
    priority: Priority = "medium"
    catch_up: CatchUp = "latest"
    catch_up_limit: int = 100
    grace: Seconds | None = None
    retry: Retry = Retry()
    on_interrupted: OnInterrupted = "rerun"
    timeout: Seconds = 5 * MINUTE
    group: str = ""
    cwd: str | None = None
    env: dict[str, str] = {}
    env_file: str | None = None
    umask: int | None = None
    nice: int | None = None
    limits: Limits = Limits()
    options: dict[str, Any] = {}
    output_limit: int = 1 << 20


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """Where a job stands in the ledger, as far as planning must know.

    *position*: every slot up to it has a verdict. *epoch*: when its schedule came into force. *open_run*:
    the run of a slot that has no verdict yet. *busy*: some run of the job, a manual one too, is under way.
    """

    job: str
    position: Instant
    epoch: Instant
    schedule: Schedule | None
    window_start: Instant | None = None
    open_run: "OpenRun | None" = None
    busy: bool = False
    last_status: str | None = None


class Span(msgspec.Struct, frozen=True):
    """*count* slots of a job, the first and the last of them named."""

    first: Instant
    last: Instant
    count: int


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """What a tick wants to start. *slot* is None for a run that no schedule asked for."""

    run_id: str
    job: str
    slot: Instant | None
    attempt: int
    slots: int
    trigger: str
    window_start: Instant | None = None


class OpenRun(msgspec.Struct, frozen=True, kw_only=True):
    """A run without an end: *status* is claimed, running or waiting_retry (then *retry_at* says until when)."""

    run_id: str
    job: str
    slot: Instant | None
    status: str
    attempt: int
    slots: int
    trigger: str
    tick: str
    boot: str
    retry_at: Instant | None = None
    window_start: Instant | None = None
    interruptions: int = 0
    stop_requested: bool = False


class Ending(msgspec.Struct, frozen=True, kw_only=True):
    """How one attempt ended, as the supervisor saw it (or as its absence says: `interrupted`)."""

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


def slot_run_id(job: str, slot: Instant) -> str:
    """Return the run id of a job's slot: the same for every attempt, so that it serves as idempotency key."""
    return f"{job}-{datetime.fromtimestamp(slot, UTC):%Y%m%dT%H%M%SZ}"
