"""The values everything else speaks of: jobs, their actions and all that shapes a run.

Instants are integers, UTC seconds since the epoch; durations are seconds.
"""

from functools import cached_property
from typing import Any, Literal

import msgspec

from scheduled.core.keys import JobKey
from scheduled.schedules.kinds.registry import kind_of
from scheduled.schedules.schedule import Schedule, longest_delay
from scheduled.schedules.zones import DAY, MINUTE, Seconds

Priority = Literal["critical", "high", "medium", "low"]
PRIORITIES: tuple[Priority, ...] = ("critical", "high", "medium", "low")

CatchUp = Literal["latest", "all", "none"]

OUTPUT_LIMIT = 1 << 20  # bytes of what a run printed that are kept
DEFAULT_CADENCE: Seconds = 5 * MINUTE  # of ticks: what `scheduled install` writes, unless more is needed


class Action(msgspec.Struct, frozen=True):
    """What a job does, in the terms of its *kind* (`scheduled.actions`): *words* or a *line* to execute, or a *name*.

    Each of its *steps* holds other jobs that it runs, side by side. A kind with more to say has a subclass.
    """

    kind: str
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
    It is due in the slots of all its *schedules*, of which there is at least one: a job without any has one of the kind
    `manual`, which keeps its zone. *on* is the event that starts it, where the payload holds *where*. In a slot it comes *after* these jobs. *doubts*
    are about what is legal in its table, but may not be meant.
    """

    name: str
    schedules: tuple[Schedule, ...]
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

    @property
    def zone(self) -> str:
        """The IANA name of the zone that local times of the job are meant in: that of its first schedule."""
        return self.schedules[0].zone

    @property
    def delay(self) -> Seconds:
        """How many seconds after its instant a slot is taken up."""
        return longest_delay(self.schedules)

    @property
    def is_by_time(self) -> bool:
        """Whether time alone makes the job due; otherwise a person, an event or another job starts it."""
        return any(kind_of(schedule).BY_TIME for schedule in self.schedules)


def key_of(job: Job, target: str = "") -> JobKey:
    """Return the key of one *target* of a job; '' for a job without targets."""
    return JobKey(job.name, target)


def keys_of(job: Job) -> tuple[JobKey, ...]:
    """Return what a job has positions, slots and runs for: each of its targets, or itself if it has none."""
    return (key_of(job),)


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
