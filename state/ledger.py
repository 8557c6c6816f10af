"""The contract of the ledger, as one protocol for each part of it.

The ledger is the only authoritative record of slots, runs, conditions and notices. These rules hold for every method:

- Instants are UTC seconds: an `Instant` is a whole number, a `float` may carry a fraction.
- A `JobKey` is a job without targets, or one target of a job. A write for one target does not change the others.
- A method that writes must be called inside `Ledger.transaction`. It does nothing if the key or id is unknown,
  unless its docstring describes something else.
- A read outside a transaction sees what was last committed, and may raise an error of the store;
  `sqlite.ledger.using` turns it into StateError.

A function that needs only one part takes the protocol of that part. A store has one module for each protocol:
`sqlite/positions.py` implements `Positions`.
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
    SavedPosition,
    SkippedRow,
    SlotRow,
)
from scheduled.core.runs import (
    AttemptResult,
    Claim,
    JobState,
    OpenReason,
    OpenRun,
    Span,
    StartRequest,
    Verdict,
)
from scheduled.schedules.schedule import Schedule
from scheduled.schedules.zones import Instant

if TYPE_CHECKING:
    from typing import Protocol
else:
    Protocol = object  # only type checkers need protocols; to create them would cost every tick a millisecond


class Positions(Protocol):
    """The positions of jobs: their epochs, positions, slots and verdicts."""

    def job_states(self) -> dict[JobKey, JobState]:
        """Return the state of every key that has an open epoch: position, schedules, open runs, last run."""

    def job_rows(self) -> list[JobRow]:
        """Return one summary for every key that ever had an epoch or a run, sorted by job and target."""

    def begin_epoch(self, key: JobKey, schedules: tuple[Schedule, ...], starts_at: Instant) -> None:
        """Open an epoch of *schedules*, with the slots after *starts_at*, and clear the open reason.

        *key* may be new. Its position becomes *starts_at*, unless it is later already. *schedules* must not be empty,
        and the previous epoch must have been closed with `end_epoch`.
        """

    def continue_epoch(self, key: JobKey, schedules: tuple[Schedule, ...], starts_at: Instant) -> None:
        """Close the open epoch of *key* at *starts_at*, and open one of *schedules*; the position and the open reason stay.

        Slots after the position that belong to the closed epoch are still open.
        """

    def ended_epochs(self) -> dict[JobKey, Epoch]:
        """Return the last epoch of every key without an open one; it ends at the position or later.

        Its schedules are empty if it is not recorded any more.
        """

    def end_epoch(self, key: JobKey, ends_at: Instant) -> None:
        """Close the open epoch of *key*, if there is one; its last slot is at or before *ends_at*."""

    def epochs(self) -> list[Epoch]:
        """Return the epochs of all keys, sorted by job, target and start."""

    def epoch_ends(self, key: JobKey, first: Instant, last: Instant) -> list[Instant]:
        """Return the ends of the epochs of *key* between two slots: *first* or later, and before *last*; ascending."""

    def advance(self, key: JobKey, position: Instant) -> None:
        """Move the position of *key* forward to *position*; do nothing if it is there or later already.

        Every slot up to *position* must have a verdict.
        """

    def wait(self, key: JobKey, reason: OpenReason | None, next_due: Instant | None) -> None:
        """Record why the due slots of *key* are open (None: no slot is), and when it is due next (None: never)."""

    def succeeded(self, key: JobKey, window_start: Instant | None) -> None:
        """Set the window_start of *key*: the scheduled instant of its last successful slot.

        Do nothing if *window_start* is None or earlier than the recorded one.
        """

    def record_verdict(
        self, key: JobKey, span: Span, verdict: Verdict, reason: str, run_id: str | None, at: Instant
    ) -> None:
        """Record the *verdict* of the slots of *span*, decided at *at*, with its *reason* ('' if there is none).

        *run_id* is the run that covers the slots, None if there is no run. If the claimed slot of an open run
        begins at the first slot of *span*, that slot gets the verdict. A verdict that is already there is kept.
        """

    def reopen(self, key: JobKey, first: Instant) -> None:
        """Delete the verdict of the span of *key* that begins at *first*: its slots are open again.

        The position moves back before them if it is there or later; no later slot may have a verdict then.
        """

    def row_at(self, key: JobKey, instant: Instant) -> SlotRow | None:
        """Return the slot or span of *key* with the latest first slot at or before *instant*; None if there is none.

        The row may end before *instant*. Its verdict is None if its run is still open.
        """

    def rows_after(self, key: JobKey, instant: Instant) -> list[SlotRow]:
        """Return the slots and spans of *key* that have a verdict and end after *instant*, oldest first."""

    def slot_rows(self) -> Iterable[SlotRow]:
        """Return the slots and spans of all keys, those of open runs included, sorted by job, target and time."""

    def cut(self, key: JobKey, first: Instant, span: Span | None) -> None:
        """Shorten the row of *key* that begins at *first* to *span*; delete the row if *span* is None.

        *span* must begin at *first* as well.
        """


class Runs(Protocol):
    """Runs from claim to end; a run has one or more attempts."""

    def claim(self, claim: Claim, claimant: Claimant, at: float) -> bool:
        """Create the run of *claim* with the status `claimed`, and take its slot, if it has one; *at* is now.

        Return False if the slot already has a run or a verdict. The run's id must not be in use. A job that the
        ledger does not know (it was never enabled) is added with the position 0.
        """

    def reclaim(self, claim: Claim, claimant: Claimant, at: float) -> bool:
        """Claim the next attempt of the run of *claim*; *at* is now.

        Return False if the run does not wait for a retry: another process claimed or closed it first.
        """

    def unclaim(self, run_id: str) -> None:
        """Undo the claim of a run: its attempt was not started.

        A manual run is deleted. Any other run waits for a retry that is due at once; its claim does not count as an
        attempt. Do nothing unless the run is `claimed`.
        """

    def started(self, run_id: str, attempt: int, at: float) -> None:
        """Record that an attempt started at *at*; do nothing unless the run is `claimed` with this attempt."""

    def ended(
        self,
        attempt_result: AttemptResult,
        run_status: str,
        retry_at: Instant | None,
        result: Mapping[str, Any] | None,
    ) -> None:
        """Record the result of an attempt, and the status of its run.

        *run_status* is `waiting_retry` or a final status. *retry_at* is the instant of the next attempt; None while the
        run waits means that the user must decide. *result* is the document that the handler returned, None if there is
        none. A final status also updates the job's summary: its last run, last result and run counts.
        """

    def close_run(self, run_id: str, status: str, reason: str) -> None:
        """End an open run without another attempt, for example because it is superseded, edited or skipped.

        The job's summary does not change. Do nothing if the run has ended.
        """

    def fail_run(self, run_id: str, reason: str) -> None:
        """End a run that waits for a retry as `failed`, without another attempt.

        Its last attempt becomes the last run of the job's summary, and the run counts. Do nothing if the run does not wait.
        """

    def release_slots(self, run_id: str) -> None:
        """Record that another run covers the slots of a run that has ended: it covers none any more."""

    def retry_now(self, run_id: str, at: Instant) -> None:
        """Set the instant of the retry that a run waits for to *at*; do nothing if it waits for none."""

    def begin_chain(self, run_id: str, payload: Mapping[str, Any]) -> None:
        """Set the run of a chain to `running`, and store *payload*: the steps of the chain and its progress.

        It is called again for every step. Do nothing if the run has ended.
        """

    def request_stop(self, run_id: str) -> None:
        """Record that the user requested the end of a run. Its process is not signalled."""

    def open_runs(self) -> list[OpenRun]:
        """Return every run that has not ended: claimed, running or waiting for a retry."""

    def open_run(self, run_id: str) -> OpenRun | None:
        """Return the run with this id; None if there is none or if it has ended."""


class StartRequests(Protocol):
    """Start requests: recorded requests to start a job because of an event or a chain."""

    def request_start(self, row: StartRequest, at: float) -> None:
        """Add a start request at *at*. The ledger assigns a new id, and ignores the id and the instant of *row*."""

    def start_requests(self) -> list[StartRequest]:
        """Return the start requests that are not taken, oldest first."""

    def take_start_request(self, request_id: int) -> bool:
        """Delete a start request; return False if another process took it first."""


class History(Protocol):
    """Past runs and their attempts, and the deletion of old history."""

    def run(self, run_id: str) -> RunRow | None:
        """Return the run with this id, open or ended; None if there is none."""

    def last_decided(self, key: JobKey) -> RunRow | None:
        """Return the run of *key* with the newest claim that has succeeded or failed for good; None if there is none."""

    def children(self, parent: str, step: int | None = None) -> list[RunRow]:
        """Return the runs that *step* of the chain run *parent* has started so far, in the order of their claims.

        Return those of all steps if *step* is None.
        """

    def attempts(self, run_id: str) -> list[AttemptRow]:
        """Return the attempts of a run that have ended, oldest first; an empty list if the run is unknown."""

    def causes(self, run_id: str) -> frozenset[str]:
        """Return the jobs of the run with this id and of all runs that led to it by an event or a chain.

        It is empty if the run is unknown.
        """

    def history(
        self,
        *,
        job: str | None = None,
        limit: int = 20,
        since: float | None = None,
        status: str | None = None,
    ) -> list[RunRow]:
        """Return at most *limit* runs (all if it is negative), sorted from the newest claim to the oldest.

        *job* selects the runs of one job with all its targets, *since* those claimed at that instant or later,
        *status* those with this status. None selects all.
        """

    def skipped(
        self, *, job: str | None = None, limit: int = 20, since: float | None = None
    ) -> list[SkippedRow]:
        """Return at most *limit* spans of slots (all if it is negative) that were skipped without a run.

        They are sorted from the newest decision to the oldest. *job* selects those of one job with all its targets,
        *since* those decided at that instant or later; None selects all.
        """

    def last_skips(self, limit: int) -> dict[JobKey, list[SkippedRow]]:
        """Return the newest spans of every key with an open epoch if the newest did not get to run.

        Such a span was skipped without a run, or it belongs to a run of which every attempt ended with "not now": its
        reason is `DEFERRED` if a newer slot replaced it. Each list has the spans since the last other one, newest first,
        but at most *limit*. Slots beyond the position do not count.
        """

    def prune(self, before: Instant, keep_runs: int, limit: int) -> tuple[list[str], bool]:
        """Delete verdicts and epochs before *before*, and runs that are older or not among the newest *keep_runs* of a key.

        Keep positions, open runs and slots, slots and epochs with slots beyond the position, and the last run of each key.
        Stop after the key with which *limit* rows are deleted. Return the ids of the deleted runs, and whether all keys were
        pruned.
        """


class Conditions(Protocol):
    """Running totals, conditions, and the outbox of notices."""

    def count(self, key: JobKey, name: str, amount: int) -> None:
        """Add *amount* to the running total *name* of *key*; a new total begins at 0."""

    def totals(self) -> dict[JobKey, dict[str, int]]:
        """Return the running totals of every key by name; a key without totals is missing."""

    def conditions(self, key: JobKey | None = None) -> list[KnownCondition]:
        """Return the conditions that were true at the last check, oldest first.

        Return those of *key*, or of all keys if it is None. `JobKey("")` holds the conditions that ticks find themselves.
        """

    def put_condition(self, key: JobKey, condition: Condition, since: float) -> None:
        """Record that *condition* of *key* is true.

        *since* is the instant when it appeared. For a known condition the recorded instant is kept, and only payload,
        group and event are replaced.
        """

    def drop_conditions(self, key: JobKey, names: Sequence[str]) -> None:
        """Delete the conditions of *key* with these condition keys: they are no longer true."""

    def notified(self, key: JobKey, names: Sequence[str], at: float) -> None:
        """Record that the user was notified at *at* of the conditions of *key* with these condition keys."""

    def post(self, item_id: str, notice: Notice, at: float) -> None:
        """Add a notice to the outbox, due at *at*; do nothing if the outbox holds its id already."""

    def outbox(self) -> list[OutboxItem]:
        """Return the undelivered notices, oldest first, those that are not due yet included."""

    def delivered(self, item_id: str) -> None:
        """Delete a notice from the outbox after its delivery."""

    def undelivered(self, item_id: str, next_try: Instant, error: str) -> None:
        """Record a failed delivery with its *error*, and the instant of the next attempt."""


class Overrides(Protocol):
    """What the user sets with commands on top of the configuration: overrides and pauses."""

    def override(self, key: JobKey, enabled: bool | None) -> None:
        """Enable or disable *key* regardless of the configuration; None removes the override.

        A key without a target holds for all targets of the job. *key* need not be known.
        """

    def overrides(self) -> dict[JobKey, bool]:
        """Return the overrides as they were set, by job or by target: True is enabled, False disabled."""

    def pause(self, key: JobKey, until: Instant | None) -> None:
        """Defer the slots of *key* until *until*, or until `resume` if it is None. A previous pause of *key* is replaced.

        A key without a target holds for all targets of the job, `JobKey("")` for all jobs. *key* need not be known.
        """

    def resume(self, key: JobKey) -> None:
        """End the pause of *key*; pauses of other keys that include it stay."""

    def pauses(self, now: Instant) -> dict[JobKey, Instant | None]:
        """Return the pauses in force at *now* as they were set, each with its end (None: until `resume`)."""


class ClockSteps(Protocol):
    """Moving positions back when the clock goes back, and restoring them once the clock is right again."""

    def rewind(self, key: JobKey, position: Instant) -> None:
        """Move the position of *key* back to *position* after the clock went back, and save the old state.

        The saved state is the old position and window_start, and the verdicts and epochs after *position*. Rows that
        begin after *position* are deleted, epochs end or begin there at the latest, and window_start becomes the last
        successful slot up to there. A span across *position* is not shortened: do so with `cut`. Waiting runs of slots
        after *position* must have been closed.
        """

    def saved_positions(self) -> list[SavedPosition]:
        """Return the states that `rewind` saved, oldest first."""

    def delete_saved_position(self, saved: SavedPosition) -> None:
        """Delete a saved state: it is not restored any more."""

    def restore_positions(self, key: JobKey, until: Instant) -> None:
        """Undo the first rewind of *key* from a position at or before *until*, and all later ones.

        Restore the position, window_start, verdicts and epochs from before that rewind. Delete verdicts and epochs that
        were recorded since for instants after the rewind. Waiting runs of *key* must have been closed.
        """


class Meta(Protocol):
    """Values that belong to no job, and the hosts that use the ledger.

    *host* is the id of the host that uses the ledger now. The caller sets it; `Conditions.post` records it.
    """

    host: str

    def saw_host(self, host: str, name: str, at: float) -> None:
        """Record that the host with the id *host*, called *name*, had a tick at *at*."""

    def meta(self, key: str) -> str | None:
        """Return the value of *key*, or None if it has none."""

    def remember(self, key: str, value: str) -> None:
        """Set the value of *key*."""


class Ledger(Positions, Runs, StartRequests, History, Conditions, Overrides, ClockSteps, Meta, Protocol):
    """The whole ledger."""

    def transaction(self) -> AbstractContextManager[None]:
        """Return a context that commits its writes together and durably; an exception undoes all of them.

        Only one process at a time is inside; transactions do not nest. Raise StateError if the writes cannot be
        recorded (disk full, read-only, damaged file), BusyError if another process holds the ledger for too long.
        """

    def close(self) -> None:
        """Close the files of the ledger. A second call does nothing; no other method may be called afterwards."""
