"""The contract of the ledger, by purpose: the one truth about slots, runs, conditions and notices.

What needs one part only asks for that part. A `JobKey` is a job, or one target of it: what is written for one target
leaves the others as they are. Every method that writes is called inside `Ledger.transaction`; instants are
UTC seconds. A store has a module for each part: `Positions` is `sqlite/positions.py`.
"""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

from scheduled.core.conditions import Condition, Notice
from scheduled.core.keys import JobKey
from scheduled.core.records import (
    AttemptRow,
    Claimant,
    Epoch,
    JobRow,
    KnownCondition,
    OutboxItem,
    RunRow,
    SetAside,
    SlotRow,
)
from scheduled.core.runs import AttemptResult, Claim, JobState, OpenReason, OpenRun, Span, TriggerRow, Verdict
from scheduled.schedules.schedule import Schedule
from scheduled.schedules.zones import Instant

if TYPE_CHECKING:
    from typing import Protocol
else:
    Protocol = object  # only type checkers compare stores with the contract; a protocol takes a tick a millisecond to make


class Positions(Protocol):
    """Where jobs stand: epochs, positions, slots and their verdicts."""

    def job_states(self) -> dict[JobKey, JobState]:
        """Return where each job, or each target of it, stands that has an open epoch."""

    def job_rows(self) -> list[JobRow]:
        """Return the summary of every job, or of each target of it, by name and target."""

    def begin_epoch(self, key: JobKey, schedules: tuple[Schedule, ...], starts_at: Instant) -> None:
        """Open an epoch after *starts_at*; the position moves there, never backwards."""

    def end_epoch(self, key: JobKey, ends_at: Instant) -> None:
        """Close the open epoch of *key*; does nothing if there is none."""

    def epochs(self) -> list[Epoch]:
        """Return all epochs, oldest first."""

    def advance(self, key: JobKey, position: Instant) -> None:
        """Move the position forward to *position*; never backwards."""

    def wait(self, key: JobKey, reason: OpenReason | None, next_due: Instant | None) -> None:
        """Note why the job's due slots are open, and when it is due next."""

    def succeeded(self, key: JobKey, window_start: Instant | None) -> None:
        """Note the scheduled instant of the last success."""

    def record_verdict(
        self, key: JobKey, span: Span, verdict: Verdict, reason: str, run_id: str | None, at: Instant
    ) -> None:
        """Give a span, or the slot of an open run, its verdict."""

    def row_at(self, key: JobKey, instant: Instant) -> SlotRow | None:
        """Return the row that *instant* lies in, or else the last one before it."""

    def rows_after(self, key: JobKey, instant: Instant) -> list[SlotRow]:
        """Return the slots and spans of *key* with a verdict that reach beyond *instant*."""

    def slot_rows(self) -> Iterable[SlotRow]:
        """Return all slots and spans by job and time."""

    def cut(self, key: JobKey, first: Instant, span: Span | None) -> None:
        """Let the row that begins at *first* hold just *span*, or nothing."""


class Runs(Protocol):
    """Runs, from their claim to their end, each of which takes one or several attempts."""

    def claim(self, claim: Claim, claimant: Claimant, at: float) -> bool:
        """Take a slot (or a manual run) for *claimant*; False if somebody was faster or it has its verdict."""

    def reclaim(self, claim: Claim, claimant: Claimant, at: float) -> bool:
        """Take the next attempt of a run that waits for its retry; False if somebody was faster."""

    def unclaim(self, run_id: str) -> None:
        """Undo a claim of which nothing was started."""

    def started(self, run_id: str, attempt: int, at: float) -> None:
        """Note that an attempt has started."""

    def ended(
        self,
        ending: AttemptResult,
        run_status: str,
        retry_at: Instant | None,
        result: Mapping[str, Any] | None,
    ) -> None:
        """Note how an attempt ended and what that makes of the run."""

    def close_run(self, run_id: str, status: str, reason: str) -> None:
        """End a run that waits for a retry it will not get (superseded, edited, skipped)."""

    def retry_now(self, run_id: str, at: Instant) -> None:
        """Let the retry that a run waits for come due at *at*."""

    def begin_chain(self, run_id: str, payload: Mapping[str, Any]) -> None:
        """Note that a chain's run is under way, and how far it is."""

    def request_stop(self, run_id: str) -> None:
        """Note that a person asked for the run's end."""

    def open_runs(self) -> list[OpenRun]:
        """Return every run without an end."""

    def open_run(self, run_id: str) -> OpenRun | None:
        """Return the run if it has not ended."""


class Triggers(Protocol):
    """What waits to start a job beside its schedule: events and steps of chains."""

    def trigger(self, row: TriggerRow, at: float) -> None:
        """Have a job started as soon as it can be (the row's id is given anew)."""

    def triggers(self) -> list[TriggerRow]:
        """Return what waits to start a job, oldest first."""

    def take_trigger(self, trigger_id: int) -> bool:
        """Take a trigger away; False if somebody was faster."""


class History(Protocol):
    """What became of runs, and letting go of what is too old."""

    def run(self, run_id: str) -> RunRow | None:
        """Return one run."""

    def children(self, parent: str, step: int) -> list[RunRow]:
        """Return the runs of a chain's step so far."""

    def attempts(self, run_id: str) -> list[AttemptRow]:
        """Return the run's attempts that have ended, oldest first: each is a row of its own."""

    def history(
        self,
        *,
        job: str | None = None,
        limit: int = 20,
        since: float | None = None,
        status: str | None = None,
    ) -> list[RunRow]:
        """Return the newest runs, newest first: of *job* (all its targets) or of all, claimed since *since*, of this *status*."""

    def prune(self, before: Instant, keep_runs: int, limit: int) -> tuple[list[str], bool]:
        """Let go of verdicts before *before*, and of runs that are older or beyond a job's newest *keep_runs*.

        Positions, what is open and each job's newest run stay. Begins no further job once *limit* rows are gone.
        Returns the ids of the runs that are gone, and whether nothing is left to do.
        """


class Conditions(Protocol):
    """Totals, conditions, and the outbox of notices."""

    def count(self, key: JobKey, name: str, amount: int) -> None:
        """Add to a running total."""

    def totals(self) -> dict[JobKey, dict[str, int]]:
        """Return the running totals, of each target by itself."""

    def conditions(self, key: JobKey | None = None) -> list[KnownCondition]:
        """Return what was true at the last look, of *key* or of all; `JobKey("")` is the runner itself."""

    def put_condition(self, key: JobKey, condition: Condition, since: float) -> None:
        """Note that *condition* is true; `since` is kept if it was known."""

    def drop_conditions(self, key: JobKey, names: Sequence[str]) -> None:
        """Note that the conditions with these keys are true no more."""

    def notified(self, key: JobKey, names: Sequence[str], at: float) -> None:
        """Note when the conditions with these keys were last told."""

    def post(self, item_id: str, notice: Notice, at: float) -> None:
        """Put a notice into the outbox; does nothing if its id is there already."""

    def outbox(self) -> list[OutboxItem]:
        """Return the undelivered notices, oldest first."""

    def delivered(self, item_id: str) -> None:
        """Take a notice out."""

    def undelivered(self, item_id: str, next_try: Instant, error: str) -> None:
        """Note a failed delivery and when to try again."""


class Overrides(Protocol):
    """What people set by hand on top of the configuration: overrides and pauses."""

    def override(self, key: JobKey, enabled: bool | None) -> None:
        """Enable or disable *key* whatever the configuration says; None takes the configuration's word again.

        For a job without a target it holds for all its targets.
        """

    def overrides(self) -> dict[JobKey, bool]:
        """Return what is switched from outside the configuration, as it was set: by job, or by target."""

    def pause(self, key: JobKey, until: Instant | None) -> None:
        """Defer the slots of *key* until *until*, or until `resume`.

        For a job without a target it holds for all its targets; `JobKey("")` is all jobs.
        """

    def resume(self, key: JobKey) -> None:
        """End a pause."""

    def pauses(self, now: Instant) -> dict[JobKey, Instant | None]:
        """Return the pauses in force, as they were set, and until when."""


class ClockSteps(Protocol):
    """What becomes of slots when the clock goes back, and comes right again."""

    def rewind(self, key: JobKey, position: Instant) -> None:
        """Set the position back, and what began after it: only after the clock went back.

        What the ledger held beyond it is laid aside as it was; runs that wait must have been closed.
        """

    def laid_aside(self) -> list[SetAside]:
        """Return what is laid aside, in the order in which it was."""

    def forget_aside(self, aside: SetAside) -> None:
        """Drop something that is laid aside."""

    def take_back(self, key: JobKey, until: Instant) -> None:
        """Let *key* stand where it stood before the clock went back from *until* or earlier, as if it never had."""


class Meta(Protocol):
    """What is remembered of the whole. *host* is the id of the state that works with it; it is noted with each notice."""

    host: str

    def saw_host(self, host: str, name: str, at: float) -> None:
        """Note that *host* ticks, and what people call it."""

    def meta(self, key: str) -> str | None:
        """Return a remembered value."""

    def remember(self, key: str, value: str) -> None:
        """Keep a value under *key*."""


class Ledger(Positions, Runs, Triggers, History, Conditions, Overrides, ClockSteps, Meta, Protocol):
    """All of it, in one place."""

    def transaction(self) -> AbstractContextManager[None]:
        """Make all writes inside one durable, exclusive change; an exception undoes them all.

        Raises StateError if it could not be recorded (disk full, read-only), BusyError if another process
        holds the ledger for too long.
        """

    def close(self) -> None:
        """Let go of the files."""
