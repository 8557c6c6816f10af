"""The part `Positions` of the contract of the ledger."""

from collections.abc import Iterable
from typing import Protocol

from scheduled.core.keys import JobKey
from scheduled.core.records import JobRow, SlotRow
from scheduled.core.runs import JobState, OpenReason, Span, Verdict
from scheduled.schedules.zones import Instant


class Positions(Protocol):
    """The positions of jobs, their slots and verdicts."""

    def job_states(self, keys: Iterable[JobKey] | None = None) -> dict[JobKey, JobState]:
        """Return the state of every key that has an open epoch: position, schedules, open runs, last run.

        With *keys*, only of these, sorted; the work does not grow with the number of other keys.
        """

    def job_rows(self, keys: Iterable[JobKey] | None = None) -> list[JobRow]:
        """Return one summary for every key that ever had an epoch or a run, sorted by job and target.

        With *keys*, only of these.
        """

    def changed_rows(self, generation: int) -> list[JobRow]:
        """Return the summaries of the keys that changed since the ledger had *generation*, sorted by job and target.

        It may return others, but none is missing.
        """

    def keys_to_plan(self, until: Instant, generation: int) -> set[JobKey]:
        """Return the keys that are due next at *until* or before, or have an open reason (see `wait`).

        Also those that changed since the ledger had *generation*, as in `changed_rows`.
        """

    def keys_ahead(self, instant: Instant) -> set[JobKey]:
        """Return the keys with a position, or an open run of a slot, after *instant*."""

    def keys_without_success(self) -> set[JobKey]:
        """Return the keys that had a run, and of which the last one did not succeed."""

    def keys_waiting(self, reasons: Iterable[OpenReason]) -> dict[JobKey, OpenReason]:
        """Return the open reason of each key of which it is one of *reasons* (see `wait`), sorted by job and target."""

    def next_due(self) -> Instant | None:
        """Return when any key is due next (see `wait`); None if none ever is."""

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

    def forget_status(self, key: JobKey) -> None:
        """Forget the status of the last run of *key*, a target that is gone: if it comes back, it begins as a new one."""

    def record_verdict(
        self, key: JobKey, span: Span, verdict: Verdict, reason: str, run_id: str | None, at: Instant
    ) -> None:
        """Record the *verdict* of the slots of *span*, decided at *at*, with its *reason* ('' if there is none).

        *run_id* is the run that covers the slots, None if there is no run. If the claimed slot of an open run
        begins at the first slot of *span*, that slot gets the verdict. A verdict that is already there is kept.
        """

    def reopen(self, key: JobKey, first: Instant, *, keeps_run: bool = False) -> None:
        """Delete the verdict of the span of *key* that begins at *first*: its slots are open again.

        With *keeps_run* the span is the slot of a run that is open again, and stays with it (see `Runs.reopen_run`).
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
