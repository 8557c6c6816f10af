"""Executing what was claimed: one supervisor for the tick, each end settled as it comes, follow-ups included."""

import os
import signal
from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress

from scheduled import clock
from scheduled.clock import stamp
from scheduled.core.events import Event
from scheduled.core.planner import Start
from scheduled.core.records import Claimant
from scheduled.core.runs import AttemptResult, Claim
from scheduled.engine import chains, claims, lost_steps, planning, recovery, settle
from scheduled.engine.planning import Gates
from scheduled.engine.runtime import Runtime
from scheduled.errors import ScheduledError, StateError
from scheduled.execution.client import SupervisorClient
from scheduled.execution.prepare import specify
from scheduled.execution.protocol import Ended, NotStarted, Record, Started
from scheduled.sanitize import printable
from scheduled.schedules.zones import MINUTE
from scheduled.state import directories
from scheduled.state.ledger import Ledger
from scheduled.state.locks import create_locked

PATIENCE = MINUTE  # a retry that is due sooner is waited for; a later one belongs to a later tick
STAY = 10 * MINUTE  # after that a tick makes no retry any more: no job keeps it here for ever


class Dispatcher:
    """The runs of one tick: a supervisor is forked for them, `take` claims them, `follow` sees them through.

    It is forked at once, since no connection to the ledger may be open then; while the tick plans, it makes ready.
    """

    def __init__(
        self, runtime: Runtime, claimant: Claimant, now: float, only: Collection[str] | None
    ) -> None:
        self._runtime = runtime
        self.claimant = claimant
        self._now = now
        self._gates = Gates()
        self._only = only
        self._budget = runtime.config.max_runs
        self._results = runtime.paths.results_of(claimant.tick)
        self._worked = False
        self._claims: dict[str, Claim] = {}
        self._pending: list[Record] = []
        self._retries: dict[str, int] = {}
        self._troubles: list[str] = []
        self._stopped = False
        self._supervisor: SupervisorClient | None = None
        self._unable = ""
        try:
            self._supervisor = self._summon()
        except StateError as error:
            self._unable = f"{error}; the next tick tries again"

    def _summon(self) -> SupervisorClient:
        config = self._runtime.config
        within = None if config.max_minutes is None else config.max_minutes * MINUTE
        directories.prepare(self._runtime.paths)
        # Locked before any claim can be seen: whoever reads one finds its tick alive.
        return SupervisorClient(self._results, create_locked(self._results), config.max_parallel, within)

    def take(self, ledger: Ledger, starts: Sequence[Start], gates: Gates) -> bool:
        """Claim what nobody else has, inside the caller's transaction; *gates* hold for all that follows.

        Return whether anything could be started at all.
        """
        self._gates = gates
        if self._supervisor is not None:
            self._take(ledger, starts)
        elif starts:
            self._troubles.append(self._unable)
        return self._supervisor is not None

    def _take(self, ledger: Ledger, starts: Sequence[Start]) -> list[Claim]:
        now = clock.now()
        taken = [start.claim for start in claims.take(ledger, starts, self.claimant, now)]
        self._worked = self._worked or bool(taken)
        jobs = self._runtime.config.jobs
        chained = [claim for claim in taken if jobs[claim.job].action.kind == "chain"]
        for claim in chained:
            chains.begin(ledger, jobs[claim.job], claim, now)
        taken = [claim for claim in taken if claim not in chained]
        self._claims.update({claim.run_id: claim for claim in taken})
        if self._budget is not None:
            self._budget = max(0, self._budget - sum(claim.slot is not None for claim in taken))
        if chained:
            taken += self._take(ledger, self._plan(ledger, {row.job for row in ledger.triggers()}, now))
        return taken

    def follow(self, ledger: Ledger) -> list[str]:
        """Settle the runs as they end, and start what follows from them, until none is left.

        Returns what could not be started or recorded, a line each. SIGTERM and SIGINT end the jobs; kill -9
        of this process leaves them running, and the next tick takes in how they ended.
        """
        if self._supervisor is not None and self._worked:
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, lambda *_: self._stop())
            try:
                self._submit(self._supervisor, self._claims.values(), ledger)
                while (self._claims or self._retries) and self._step(ledger, self._supervisor):
                    pass
            except StateError as error:
                self._troubles.append(str(error))
        self.close()
        return self._troubles

    def close(self) -> None:
        """Let the supervisor go: what it has started it sees to its end. Of a tick without work nothing is left."""
        if self._supervisor is not None:
            self._supervisor.close()
            self._supervisor = None
        if not self._worked:
            with suppress(OSError):  # the next tick clears it away
                self._results.unlink(missing_ok=True)

    def _stop(self) -> None:
        self._stopped = True
        self._retries.clear()
        if self._supervisor is not None:
            self._supervisor.stop()

    def _submit(self, supervisor: SupervisorClient, taken: Iterable[Claim], ledger: Ledger) -> None:
        holds, totals = self._runtime.context(), ledger.totals()
        for claim in taken:
            job = self._runtime.config.jobs[claim.job]
            try:
                supervisor.submit(specify(job, claim, holds, totals.get(job.name, {})))
            except ScheduledError as error:
                self._pending.append(Ended(ending=_unprepared(claim, str(error))))

    def _step(self, ledger: Ledger, supervisor: SupervisorClient) -> bool:
        """Take one batch of news; return False if none will come any more."""
        pending, self._pending = self._pending, []
        records = pending or supervisor.records(self._until_retry())
        if records is None:
            self._supervisor_lost(ledger)
            return False
        ends = [record.ending for record in records if isinstance(record, Ended)]
        ended = [(claim, ending) for ending in ends if (claim := self._claims.get(ending.run_id)) is not None]
        with ledger.transaction():
            events = [event for record in records for event in self._settle(ledger, record)]
            events += lost_steps.drop(ledger, self._runtime, clock.now())
            followers = self._followers(ledger, ended)
        self._runtime.publish(events)
        self._submit(supervisor, followers, ledger)
        return True

    def _until_retry(self) -> float | None:
        return max(0.0, min(self._retries.values()) - clock.now()) if self._retries else None

    def _settle(self, ledger: Ledger, record: Record) -> list[Event]:
        if isinstance(record, Started):
            return self._started(ledger, record)
        if isinstance(record, NotStarted):
            self._claims.pop(record.run_id, None)
            ledger.unclaim(record.run_id)
            if not record.deferred:
                self._troubles.append(f"{record.run_id}: not started: {record.reason}")
            return []
        self._claims.pop(record.ending.run_id, None)
        run = ledger.open_run(record.ending.run_id)
        if run is None or run.attempt != record.ending.attempt:
            return []  # another tick has taken it in already
        try:
            return settle.settle_finished(ledger, self._runtime, run, record.ending, clock.now())
        except OSError as error:
            settle.leave_to_next_tick(self._runtime, run, error)
            return []

    def _started(self, ledger: Ledger, record: Started) -> list[Event]:
        ledger.started(record.run_id, record.attempt, record.at)
        claim = self._claims.get(record.run_id)
        if claim is None:
            return []
        event = _started_event(claim, self._runtime.zone)
        chains.spread(ledger, self._runtime.config.jobs, [event], claim.depth, clock.now())
        return [event]

    def _followers(self, ledger: Ledger, ended: Sequence[tuple[Claim, AttemptResult]]) -> list[Claim]:
        """Claim what this tick's own runs brought about: further slots of `catch_up = "all"`, short retries."""
        if self._stopped:
            return []
        now, after = clock.now(), self._runtime.config.jobs.coming_after
        jobs = {claim.job for claim, ending in ended if self._goes_on(claim, ending)}
        jobs |= {job for job, retry_at in self._retries.items() if retry_at <= now}
        jobs |= {row.job for row in ledger.triggers()}
        jobs |= {name for claim, _ in ended for name in after.get(claim.job, ())}
        if not jobs:
            return []
        starts = self._plan(ledger, jobs, now)
        if now - self._now > STAY:
            self._retries.clear()
            return self._take(ledger, [start for start in starts if not start.again])
        self._note_retries(ledger, jobs, now)
        return self._take(ledger, starts)

    def _goes_on(self, claim: Claim, ending: AttemptResult) -> bool:
        """Tell whether more of the same job may be due: after the success of its newest slot nothing is."""
        newest = claim.slot is not None and self._runtime.config.jobs[claim.job].catch_up != "all"
        return not newest or ending.status != "success"

    def _plan(self, ledger: Ledger, jobs: Collection[str], now: float) -> list[Start]:
        # Slots that came due since the tick began belong to later ticks; retries are due when they are due.
        starts = planning.plan_and_note(
            ledger,
            self._runtime.config,
            int(now),
            names=jobs,
            until=int(self._now),
            gates=self._gates,
            budget=self._budget,
        ).starts
        # What was run by hand takes no slot afterwards either.
        return [
            start
            for start in starts
            if start.claim.slot is None or self._only is None or start.claim.job in self._only
        ]

    def _note_retries(self, ledger: Ledger, jobs: Collection[str], now: float) -> None:
        for job in jobs:
            self._retries.pop(job, None)
        for run in ledger.open_runs():
            if run.job in jobs and run.retry_at is not None and run.retry_at - now <= PATIENCE:
                self._retries[run.job] = run.retry_at

    def _supervisor_lost(self, ledger: Ledger) -> None:
        """Take in what a killed supervisor left behind, as after a dead runner."""
        with ledger.transaction():
            events = recovery.take_in(ledger, self._runtime, clock.now())
        self._runtime.publish(events)
        self._troubles.append(
            "this tick's supervisor was killed; what still runs is taken in by a later tick"
        )


def _started_event(claim: Claim, zone: str) -> Event:
    payload = {
        "job": claim.job,
        "run_id": claim.run_id,
        "scheduled_for": stamp(claim.scheduled_for, zone),
        "missed": claim.missed,
        "attempt": claim.attempt,
    }
    return Event(name="job_started", payload=payload)


def _unprepared(claim: Claim, reason: str) -> AttemptResult:
    now = clock.now()
    return AttemptResult(
        run_id=claim.run_id,
        attempt=claim.attempt,
        status="failed",
        started_at=now,
        finished_at=now,
        duration_ms=0,
        exit_code=os.EX_CONFIG,
        reason=printable(reason),
    )
