"""The values everything else speaks of: jobs, their schedules and actions, runs and how they ended.

Instants are integers, UTC seconds since the epoch; durations are seconds.
"""

from functools import cached_property
from time import gmtime, strftime
from typing import Any, Literal

import msgspec

Instant = int
Seconds = int

Priority = Literal["critical", "high", "medium", "low"]
PRIORITIES: tuple[Priority, ...] = ("critical", "high", "medium", "low")

CatchUp = Literal["latest", "all", "none"]
Trigger = Literal["schedule", "manual", "event", "chain"]
AttemptStatus = Literal["success", "failed", "timed_out", "interrupted", "skipped", "deferred"]
Verdict = Literal["success", "failed", "skipped", "coalesced"]
OpenReason = Literal["waiting_retry", "gate", "quiet", "budget", "paused", "running", "ask"]
RunStatus = Literal[
    "claimed", "running", "waiting_retry", "success", "failed", "timed_out", "interrupted", "skipped"
]

MINUTE: Seconds = 60
HOUR: Seconds = 3600
DAY: Seconds = 24 * HOUR
OUTPUT_LIMIT = 1 << 20  # bytes of what a run printed that are kept
AFTER = "after"  # what triggers a job without a schedule: those that it comes after have succeeded
DEFAULT_CADENCE: Seconds = 5 * MINUTE  # of ticks: what `scheduled install` writes, unless more is needed


class Schedule(msgspec.Struct, frozen=True):
    """When a job is due. An epoch of the job lasts for as long as this value stays the same.

    *expression* is the cron expression, or the interval of `every` in seconds. *anchor* fixes the phase of
    `every` (and is the instant of `at`); where it is None the epoch's beginning does. *seed* spreads hashed (`H`)
    cron fields. A slot is taken up *delay* seconds after its instant.
    """

    kind: Literal["cron", "every", "at", "manual"]
    expression: str = ""
    zone: str = "UTC"
    anchor: Instant | None = None
    seed: str = ""
    delay: Seconds = 0


class Action(msgspec.Struct, frozen=True):
    """What a job does: *words* without a shell, *line* under /bin/sh -c, a Python or handler *name*, or a chain.

    Each of a chain's *steps* holds the jobs that run side by side in it.
    """

    kind: Literal["command", "python", "handler", "chain"]
    words: tuple[str, ...] = ()
    line: str = ""
    name: str = ""
    steps: tuple[tuple[str, ...], ...] = ()


class Retry(msgspec.Struct, frozen=True):
    """How often a slot is tried (the first try counts) and how long is waited between tries.

    The pause grows by a factor each time, or, where it is *linear*, by as much again.
    """

    max_attempts: int = 1
    delay: Seconds = 60
    backoff_multiplier: float = 1.0
    linear: bool = False
    max_delay: Seconds = DAY
    jitter: Seconds = 0

    def pause_after(self, failures: int, key: str = "") -> Seconds:
        """Given how often it failed, return how long to wait; *key* draws the same part of the jitter each time."""
        # The exponent is bounded: a float overflows at about 1e308.
        growth = failures if self.linear else self.backoff_multiplier ** min(failures - 1, 64)
        pause = int(min(self.max_delay, self.delay * growth))
        if not self.jitter:
            return pause
        from zlib import crc32

        return pause + (crc32(f"{key}\0{failures}".encode()) % (self.jitter + 1))


class Limits(msgspec.Struct, frozen=True):
    """Resource limits of a job's processes (setrlimit): bytes, seconds of CPU, counts."""

    memory: int | None = None
    cpu: Seconds | None = None
    file_size: int | None = None
    open_files: int | None = None
    processes: int | None = None


class Window(msgspec.Struct, frozen=True):
    """A stretch of every day, in minutes after midnight; it wraps if *end* is before *start*."""

    start: int
    end: int


class Gate(msgspec.Struct, frozen=True):
    """What must hold before a due run starts: all that is given."""

    command: str = ""
    network: str = ""
    ac_power: bool = False
    idle: bool = False
    path: str = ""


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """A named definition: when, what, and everything that shapes a run. *source* is the file that says so.

    *on_interrupted* is rerun, skip, ask, or a command that succeeds if the work was done before the interruption.
    *on* is the event that starts it, where the payload holds *where*. In a slot it comes *after* these jobs. *doubts*
    are about what is legal in its table, but may not be meant.
    """

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
    on_interrupted: str = "rerun"
    not_between: Window | None = None
    only_if: Gate | None = None
    gate_deadline: Seconds | None = None
    success_codes: tuple[int, ...] = (0,)
    on: str = ""
    where: dict[str, str] = {}
    after: tuple[str, ...] = ()
    on_failure: Literal["stop", "continue"] = "stop"
    timeout: Seconds = 5 * MINUTE
    group: str = ""
    cwd: str | None = None
    env: dict[str, str] = {}
    env_file: str | None = None
    umask: int | None = None
    nice: int | None = None
    ionice: str = ""
    inhibit_sleep: bool = False
    limits: Limits = Limits()
    options: dict[str, Any] = {}
    output_limit: int = OUTPUT_LIMIT
    doubts: tuple[str, ...] = ()


class Jobs(dict[str, Job]):
    """The jobs by name, and who follows what: asked at every end of a run, so it is gathered once, when all are there."""

    @cached_property
    def listening(self) -> dict[str, list[str]]:
        """The jobs that listen to an event, by its name."""
        found: dict[str, list[str]] = {}
        for name, job in self.items():
            if job.on:
                found.setdefault(job.on, []).append(name)
        return found

    @cached_property
    def coming_after(self) -> dict[str, list[str]]:
        """The jobs that come after a job, by its name."""
        found: dict[str, list[str]] = {}
        for name, job in self.items():
            for other in job.after:
                found.setdefault(other, []).append(name)
        return found

    @cached_property
    def with_step(self) -> dict[str, list[str]]:
        """The chains that a job is a step of, by its name."""
        found: dict[str, list[str]] = {}
        for name, job in self.items():
            for step in dict.fromkeys(step for steps in job.action.steps for step in steps):
                found.setdefault(step, []).append(name)
        return found


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """Where a job stands in the ledger, as far as planning must know.

    *position*: every slot up to it has a verdict. *epoch*: when its schedule came into force. *open_run*:
    the run of a slot that has no verdict yet; *others*: waiting runs that no schedule asked for. *busy*: some run of
    the job, a manual one too, is under way. *decided*: single slots beyond the position that have their verdict.
    """

    job: str
    position: Instant
    epoch: Instant
    schedule: Schedule | None
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


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """What a tick wants to start. *slot* is None for a run that no schedule asked for.

    With *verify* the attempt before was interrupted, and the job can tell whether its work was done. *event* and
    *payload* are what triggered it; *parent* and *step* its place in a chain's run; *depth* counts what led to it.
    """

    run_id: str
    job: str
    slot: Instant | None
    attempt: int
    slots: int
    trigger: str
    window_start: Instant | None = None
    verify: bool = False
    event: str = ""
    payload: dict[str, Any] = {}
    parent: str = ""
    step: int = 0
    depth: int = 0

    @property
    def _told(self) -> dict[str, Any]:
        return told(self)

    @property
    def scheduled_for(self) -> Instant | None:
        """The instant that the run stands for."""
        return stands_for(self)

    @property
    def missed(self) -> int:
        """How many slots it stands for beside that instant."""
        return max(0, self.slots - 1) or int(self._told.get("missed") or 0)

    @property
    def since(self) -> Instant | None:
        """The instant that the last success stood for: what came after it is this run's to do."""
        return self._told.get("window_start", self.window_start)


class TriggerRow(msgspec.Struct, frozen=True, kw_only=True):
    """What waits, since *at*, to start a job: an event that it listens to, or its turn in the chain run *parent*."""

    id: int
    job: str
    event: str
    payload: dict[str, Any]
    depth: int
    parent: str = ""
    step: int = 0
    at: float = 0


class OpenRun(msgspec.Struct, frozen=True, kw_only=True):
    """A run without an end: *status* is claimed, running or waiting_retry.

    A waiting one is due at *retry_at*; None there means that a person is asked. *reason* is that of the last
    attempt, which was *interrupted* or not.
    """

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
    deferrals: int = 0
    stop_requested: bool = False
    reason: str = ""
    interrupted: bool = False
    event: str = ""
    payload: dict[str, Any] = {}
    parent: str = ""
    step: int = 0
    depth: int = 0
    started_at: float | None = None


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


def told(run: Claim | OpenRun) -> dict[str, Any]:
    """Return what somebody who asked for a run, or the chain that it is a step of, said that it stands for."""
    return run.payload if run.trigger in ("manual", "chain") else {}


def stands_for(run: Claim | OpenRun) -> Instant | None:
    """Return the instant that a run stands for."""
    return run.slot if run.slot is not None else told(run).get("scheduled_for")


def slot_run_id(job: str, slot: Instant) -> str:
    """Return the run id of a job's slot: the same for every attempt, so that it serves as idempotency key."""
    return f"{job}-{strftime('%Y%m%dT%H%M%SZ', gmtime(slot))}"
