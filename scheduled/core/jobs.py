"""Jobs as values: their schedules, their actions and all settings of their runs.

Instants are integers, UTC seconds since the epoch. Durations are in seconds.
"""

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from scheduled.core.keys import JobKey
from scheduled.schedules.kinds.registry import kind_of
from scheduled.schedules.schedule import Schedule, longest_delay
from scheduled.schedules.zones import DAY, MINUTE, Seconds

Priority = Literal["critical", "high", "medium", "low"]
PRIORITIES: tuple[Priority, ...] = ("critical", "high", "medium", "low")

CatchUp = Literal["latest", "all", "none"]
MailOutput = Literal["on_failure", "always", "never"]
Overlap = Literal["wait", "queue", "replace", "skip"]

SHELL = "/bin/sh"
KILL_AFTER: Seconds = 10  # between SIGTERM and SIGKILL: enough for most jobs to clean up, as in init systems
OUTPUT_LIMIT = 1 << 20  # bytes of a run's output that are kept
# Between ticks; `scheduled install` uses it unless a schedule needs a shorter cadence.
DEFAULT_CADENCE: Seconds = 5 * MINUTE


class Action(msgspec.Struct, frozen=True):
    """What a job does. *kind* is the name of an action kind, which uses some of the fields.

    *words* is an argument list and *line* a shell command line to execute; *name* names code to call. *steps*
    are the steps of a chain: each holds the names of jobs that run in parallel. *session*: each run is a session of an
    agent, which `[catch_up] max_sessions` limits. A kind that needs more fields defines a subclass.
    """

    kind: str
    words: tuple[str, ...] = ()
    line: str = ""
    name: str = ""
    steps: tuple[tuple[str, ...], ...] = ()
    session: bool = False


class Retry(msgspec.Struct, frozen=True):
    """How many attempts a run has, including the first, and how long to wait before each further attempt.

    After each failure the pause is multiplied by *backoff_multiplier*; if *linear*, *delay* is added to it
    instead. Only failures in *on* are retried: statuses, classes of failures and exit codes; () means all.
    """

    max_attempts: int = 1
    delay: Seconds = 60
    backoff_multiplier: float = 1.0
    linear: bool = False
    max_delay: Seconds = DAY
    jitter: Seconds = 0
    on: tuple[int | str, ...] = ()

    def covers(self, *failure: int | str | None) -> bool:
        """Return whether a failure is retried, given its status, class and exit code."""
        return not self.on or not {*self.on}.isdisjoint(failure)

    def pause_after(self, failures: int, key: str = "") -> Seconds:
        """Return how many seconds to wait after *failures* failed attempts.

        The jitter is a hash of *key* and *failures*, so equal arguments give equal pauses.
        """
        # Without a bound on the exponent the float overflows at about 1e308.
        growth = failures if self.linear else self.backoff_multiplier ** min(failures - 1, 64)
        pause = int(min(self.max_delay, self.delay * growth))
        if not self.jitter:
            return pause
        from zlib import crc32

        return pause + (crc32(f"{key}\0{failures}".encode()) % (self.jitter + 1))


class Limits(msgspec.Struct, frozen=True):
    """Resource limits of a job's processes (setrlimit): bytes, CPU seconds and counts."""

    memory: int | None = None
    cpu: Seconds | None = None
    file_size: int | None = None
    open_files: int | None = None
    processes: int | None = None


class Window(msgspec.Struct, frozen=True):
    """A daily window of local time, in minutes after midnight.

    If *end* is not after *start*, it extends past midnight.
    """

    start: int
    end: int


class Gate(msgspec.Struct, frozen=True):
    """The requirements that must all hold before a due run starts. An empty or false field is not checked.

    *skips*: if they do not hold, a due slot is skipped; otherwise it waits.
    """

    command: str = ""
    network: str = ""
    ac_power: bool = False
    idle: bool = False
    path: str = ""
    skips: bool = False


class ForEach(msgspec.Struct, frozen=True):
    """Where the targets of a job come from: its *listed* names, the *branches* of the workspace, or the lines of a *command*."""

    listed: tuple[str, ...] = ()
    branches: bool = False
    command: str = ""


class Stdin(msgspec.Struct, frozen=True):
    """What the job reads from its standard input: a *text*, or the content of a *file*."""

    text: str = ""
    file: str = ""


class FailsIf(msgspec.Struct, frozen=True):
    """What makes an attempt fail in spite of its exit code: it wrote to *stderr*, or a line of its *output* matches."""

    stderr: bool = False
    output: str = ""


class Expect(msgspec.Struct, frozen=True, kw_only=True):
    """What is expected of a job; an empty or false field is not.

    *output*, *fresh* and *command* are of an attempt that ends with success: a line of its output matches, a file that the
    pattern names was changed, and the command succeeds. *by*, *within* and *duration* are of the job: it has succeeded by that
    minute of the day, its last success is no longer ago, and a run takes no longer, or not more than *times* the median.
    """

    by: int | None = None
    within: Seconds | None = None
    duration: Seconds | None = None
    times: float | None = None
    output: str = ""
    fresh: str = ""
    command: Action | None = None

    @property
    def is_about_attempts(self) -> bool:
        """Whether an attempt that ends with success is checked."""
        return bool(self.output or self.fresh or self.command)

    @property
    def is_about_time(self) -> bool:
        """Whether a tick finds out that it is broken."""
        return (self.by, self.within, self.duration, self.times) != (None, None, None, None)


class Approve(msgspec.Struct, frozen=True):
    """That each run waits for approval; if no person answers *by* so many seconds, the *default* answer decides."""

    by: Seconds | None = None
    default: Literal["deny", "approve"] = "deny"


class Job(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A named definition: schedules, an action and the settings of its runs.

    *source* is the file that defines the job. The job is due in the slots of all its *schedules*. There is
    always at least one: a job without a schedule has one of the kind `manual`, which keeps its zone.
    *on_interrupted* is `rerun`, `skip`, `ask`, or a command that exits with 0 if the work was done before the
    interruption. A job with *for_each* has a run for each of its *targets*, which may change between ticks; the user has
    disabled the *disabled_targets*. *on* is the event that starts the job if the event's payload contains *where*. A due slot
    waits until the jobs in *after* have finished. *overlap* decides what happens with a slot that comes due while a
    run of the job is under way. A run that has to end gets SIGTERM, and SIGKILL *kill_after* seconds later.
    *shell* executes the lines of the job's commands; *pre* and *post* are commands before and after that of the job.
    *notify* are the recipients of notices about its incidents. *warnings* are warnings about settings that are valid, but
    probably not intended. *secrets* are sources of secrets by the names of their variables, as in
    `core.secret_sources`. *labels* are texts for other programs.
    A slot that was due before the first tick of a boot starts *start_delay* seconds after the boot at the earliest.
    *heartbeat_url* is the address of its monitor, or the source of it.
    *between* is the window of a job with `once_per`; *not_between* is then the time outside of it.
    With *approve* each run that no person started waits until one approves it.
    """

    name: str
    schedules: tuple[Schedule, ...]
    action: Action
    source: str = ""
    description: str = ""
    labels: dict[str, str] = {}
    for_each: ForEach | None = None
    targets: tuple[str, ...] = ()
    disabled_targets: frozenset[str] = frozenset()
    enabled: bool = True
    priority: Priority = "medium"
    catch_up: CatchUp = "latest"
    catch_up_limit: int = 100
    overlap: Overlap = "wait"
    grace: Seconds | None = None
    retry: Retry = Retry()
    on_interrupted: str = "rerun"
    start_delay: Seconds = 0
    between: Window | None = None
    not_between: Window | None = None
    only_if: Gate | None = None
    gate_deadline: Seconds | None = None
    success_codes: tuple[int, ...] = (0,)
    fails_if: FailsIf | None = None
    expect: Expect | None = None
    shell: str = SHELL
    stdin: Stdin | None = None
    pre: Action | None = None
    post: Action | None = None
    on: str = ""
    where: dict[str, str] = {}
    after: tuple[str, ...] = ()
    on_failure: Literal["stop", "continue"] = "stop"
    timeout: Seconds = 5 * MINUTE
    kill_after: Seconds = KILL_AFTER
    group: str = ""
    cwd: str | None = None
    env: dict[str, str] = {}
    env_file: str | None = None
    secrets: dict[str, str] = {}
    umask: int | None = None
    nice: int | None = None
    ionice: str = ""
    inhibit_sleep: bool = False
    wake: bool = False
    limits: Limits = Limits()
    options: dict[str, Any] = {}
    output_limit: int = OUTPUT_LIMIT
    mail_output: MailOutput = "on_failure"
    notify: tuple[str, ...] = ()
    heartbeat_url: str = ""
    warnings: tuple[str, ...] = ()
    approve: Approve | None = None

    @property
    def zone(self) -> str:
        """The IANA name of the job's time zone: that of its first schedule."""
        return self.schedules[0].zone

    @property
    def commands(self) -> tuple[Action, ...]:
        """The action, and the commands that belong to each run of it."""
        expected = None if self.expect is None else self.expect.command
        return tuple(action for action in (self.action, self.pre, self.post, expected) if action is not None)

    @property
    def delay(self) -> Seconds:
        """How many seconds after its instant a slot becomes due (its jitter)."""
        return longest_delay(self.schedules)

    @property
    def has_changing_targets(self) -> bool:
        """Whether the targets are those of a list that changes by itself: branches, or what a command prints."""
        return self.for_each is not None and not self.for_each.listed

    @property
    def is_once_per_period(self) -> bool:
        """Whether a slot can start during all of the time until the next one: that of a day, week or month."""
        return self.schedules[0].kind == "once_per"

    @property
    def is_by_time(self) -> bool:
        """Whether a schedule starts the job; otherwise the user, an event or another job does."""
        return any(kind_of(schedule).BY_TIME for schedule in self.schedules)


def key_of(job: Job, target: str = "") -> JobKey:
    """Return the key of one *target* of a job; '' for a job without targets."""
    return JobKey(job.name, target)


def keys_of(job: Job) -> tuple[JobKey, ...]:
    """Return the keys under which a job has positions, slots and runs: one for each target, if it has `for_each`."""
    if job.for_each is None:
        return (key_of(job),)
    return tuple(key_of(job, target) for target in job.targets)


def job_of(jobs: Mapping[str, Job], key: JobKey) -> Job | None:
    """Return the job of *key*, disabled if only this target is; None if it is not configured, or the target is gone."""
    job = jobs.get(key.job)
    if job is None or (job.for_each is None and not key.target):
        return job
    if job.for_each is None or key.target not in job.targets:
        return None
    return msgspec.structs.replace(job, enabled=False) if key.target in job.disabled_targets else job


def enabled_keys_of(job: Job) -> tuple[JobKey, ...]:
    """Return the keys of *job* without those of its disabled targets."""
    keys = keys_of(job)
    return (
        tuple(key for key in keys if key.target not in job.disabled_targets) if job.disabled_targets else keys
    )


def step_keys_of(job: Job) -> tuple[JobKey, ...]:
    """Return what a chain runs for its step *job*: all its enabled targets; its own key, which fails, if it has none."""
    return enabled_keys_of(job) or (key_of(job),)
