"""The part `Runs` of the contract of the ledger."""

from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from scheduled.core.keys import JobKey
from scheduled.core.records import Claimant
from scheduled.core.runs import AttemptResult, Claim, OpenRun
from scheduled.schedules.zones import Instant


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

    def park(self, run_id: str) -> None:
        """Let a claimed run wait until the user decides about it; its claim does not count as an attempt.

        Do nothing unless the run is `claimed`.
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

    def reopen_run(self, run_id: str, retry_at: Instant | None) -> bool:
        """Undo that a waiting run was closed as `skipped`: it waits again, until *retry_at* (None: for a decision).

        Its reason is that of its last attempt. Return whether there is such a run.
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

    def request_replacement(self, run_id: str) -> None:
        """Record that a run ends for a newer slot of its job, unless the user requested its end.

        The next attempt of the run, if there is one, is not affected. Its process is not signalled.
        """

    def occupied(self, key: JobKey, after: Instant) -> list[tuple[Instant, Instant | None]]:
        """Return the spans of time (began, ended] in which attempts of *key* were under way that ended later than *after*.

        They are in no order and may overlap. *ended* is None for a run that is under way. Instants are rounded down.
        """

    def open_runs(self, keys: Iterable[JobKey] | None = None) -> list[OpenRun]:
        """Return every run that has not ended: claimed, running or waiting for a retry.

        With *keys*, only those of these jobs and targets; the work does not grow with the number of other runs.
        """

    def open_run(self, run_id: str) -> OpenRun | None:
        """Return the run with this id; None if there is none or if it has ended."""
