"""The part `History` of the contract of the ledger."""

from collections.abc import Iterator
from typing import Protocol

from scheduled.core.keys import JobKey
from scheduled.core.records import AttemptRow, RunRow, SkippedRow
from scheduled.schedules.zones import Instant


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
        target: str | None = None,
        limit: int = 20,
        since: float | None = None,
        status: str | None = None,
    ) -> list[RunRow]:
        """Return at most *limit* runs (all if it is negative), sorted from the newest claim to the oldest.

        *job* selects the runs of one job with all its targets, *target* those of one of these, *since* those claimed at that instant or later,
        *status* those with this status. None selects all.
        """

    def all_runs(self) -> Iterator[RunRow]:
        """Yield all runs, in no order, without holding all of them in memory."""

    def skipped(
        self,
        *,
        job: str | None = None,
        target: str | None = None,
        limit: int = 20,
        since: float | None = None,
    ) -> list[SkippedRow]:
        """Return at most *limit* spans of slots (all if it is negative) that were skipped without a run.

        They are sorted from the newest decision to the oldest. *job* selects those of one job with all its targets,
        *target* those of one of these, *since* those decided at that instant or later; None selects all.
        """

    def last_skips(self, limit: int) -> dict[JobKey, list[SkippedRow]]:
        """Return the newest spans of every key with an open epoch if the newest did not get to run.

        Such a span was skipped without a run, or it belongs to a run that was not approved in time, or of which every attempt
        ended with "not now": its reason is `DEFERRED` if the run of a newer slot replaced this run. Each list has the spans
        since the last other one, newest first, but at most *limit*. Slots beyond the position do not count.
        """

    def prune(
        self, before: Instant, keep_runs: int, limit: int, begin: JobKey | None = None
    ) -> tuple[list[str], JobKey | None]:
        """Delete verdicts and epochs before *before*, and runs that are older or not among the newest *keep_runs* of a key.

        Keep positions, open runs and slots, the runs of the steps of open chains, slots and epochs with slots beyond the
        position, and the last run of each key.
        The slots of deleted runs that succeeded become one row without a run for each day, as far as no other verdict and
        no end of an epoch is between them.
        Begin with the key *begin* (None: the first), and stop after *limit* rows and keys, so that the transaction is short.
        Return the ids of the deleted runs, and the key with which to continue; None if all keys are pruned.
        """
