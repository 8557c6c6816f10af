"""The part `Positions` of the contract of the ledger."""

from collections.abc import Iterable
from typing import Protocol

from scheduled.core.keys import JobKey
from scheduled.core.records import Epoch, JobRow, SlotRow
from scheduled.core.runs import JobState, OpenReason, Span, Verdict
from scheduled.schedules.schedule import Schedule
from scheduled.schedules.zones import Instant


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
