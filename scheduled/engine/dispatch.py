"""Executing what was claimed: every run is offered on the bus, and its kind's executor takes it.

Here is the one for processes: one supervisor for the tick, each end settled as it comes, follow-ups included.
"""

import signal
from collections.abc import Collection, Sequence
from contextlib import suppress
from functools import partial

from scheduled import clock
from scheduled.actions.kind import SUPERVISOR
from scheduled.actions.registry import kind_of
from scheduled.clock import stamp
from scheduled.core.events import Event
from scheduled.core.jobs import Job
from scheduled.core.keys import JobKey
from scheduled.core.records import Claimant
from scheduled.core.runs import Claim
from scheduled.core.starts import Start
from scheduled.engine import chains, claims, lost_steps, recovery, settle
from scheduled.engine.executors import EXECUTORS
from scheduled.engine.follow_ups import FollowUps
from scheduled.engine.planning import Gates
from scheduled.engine.run_claimed import RunClaimed
from scheduled.engine.runtime import Runtime
from scheduled.errors import ScheduledError, StateError
from scheduled.execution.client import SupervisorClient
from scheduled.execution.prepare import specify, unprepared
from scheduled.execution.protocol import Ended, NotStarted, Record, Started
from scheduled.schedules.zones import MINUTE
from scheduled.state import directories
from scheduled.state.ledger import Conditions, Ledger
from scheduled.state.locks import create_locked


class Dispatcher:
    """The runs of one tick: a supervisor is forked for them, `take` claims them, `follow` sees them through.

    It is forked at once, since no connection to the ledger may be open then; while the tick plans, it makes ready.
    """

    def __init__(
        self, runtime: Runtime, claimant: Claimant, now: float, only: Collection[str] | None
    ) -> None:
        self._runtime = runtime
        self.claimant = claimant
        self._follow_ups = FollowUps(runtime, now, only)
        self._results = runtime.paths.results_of(claimant.tick)
        self._worked = False
        self._claims: dict[str, Claim] = {}
        self._waiting: list[Claim] = []  # for their transaction to be committed
        self._pending: list[Record] = []
        self._troubles: list[str] = []
        self._stopped = False
        runtime.bus.subscribe(RunClaimed, self._take_over)
        for take_over in EXECUTORS:
            runtime.bus.subscribe(RunClaimed, partial(take_over, runtime.config.jobs))
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
        self._follow_ups.gates = gates
        if self._supervisor is not None:
            self._take(ledger, starts)
        elif starts:
            self._troubles.append(self._unable)
        return self._supervisor is not None

    def _take(self, ledger: Ledger, starts: Sequence[Start]) -> None:
        """Claim *starts* and have them begun, and so what is asked for by that."""
        now = clock.now()
        taken = [start.claim for start in claims.take(ledger, starts, self.claimant, now)]
        self._worked = self._worked or bool(taken)
        asked = [self._begin(ledger, claim, now) for claim in taken]
        if any(asked):
            self._take(ledger, self._follow_ups.plan(ledger, {row.key for row in ledger.triggers()}, now))

    def _begin(self, ledger: Ledger, claim: Claim, now: float) -> bool:
        """Offer a claimed run to the executors, and have it begun by who takes it; unclaim it if nobody does."""
        run = RunClaimed(job=self._runtime.config.jobs[claim.job], claim=claim)
        self._runtime.bus.publish(run)
        if run.begin is not None:
            return run.begin(ledger, run.job, claim, now)
        ledger.unclaim(claim.run_id)
        self._follow_ups.untaken.add(claim.key)
        self._troubles.append(
            f"{claim.run_id}: not started: nothing here executes what {claim.job} does ({run.job.action.kind});"
            f" install what does, or `scheduled disable {claim.job}`"
        )
        return False

    @property
    def untaken(self) -> Collection[JobKey]:
        """What was claimed and no executor took."""
        return self._follow_ups.untaken

    def _take_over(self, run: RunClaimed) -> None:
        """Take what is a process under the supervisor."""
        if kind_of(run.job.action).EXECUTOR == SUPERVISOR:
            run.take(self._queue)

    def _queue(self, ledger: Ledger, job: Job, claim: Claim, now: float) -> bool:  # noqa: ARG002 - as every executor has it
        """Keep a claim for the supervisor until it can be seen by others; nothing else is asked for by that."""
        self._claims[claim.run_id] = claim
        self._waiting.append(claim)
        self._follow_ups.spend(claim)
        return False

    def follow(self, ledger: Ledger) -> list[str]:
        """Settle the runs as they end, and start what follows from them, until none is left.

        Returns what could not be started or recorded, a line each. SIGTERM and SIGINT end the jobs; kill -9
        of this process leaves them running, and the next tick takes in how they ended.
        """
        if self._supervisor is not None and self._worked:
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, lambda *_: self._stop())
            try:
                self._submit(self._supervisor, ledger)
                while (self._claims or self._follow_ups.retries) and self._step(ledger, self._supervisor):
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
        self._follow_ups.retries.clear()
        if self._supervisor is not None:
            self._supervisor.stop()

    def _submit(self, supervisor: SupervisorClient, ledger: Conditions) -> None:
        waiting, self._waiting = self._waiting, []
        context, totals = self._runtime.context(), ledger.totals()
        for claim in waiting:
            job = self._runtime.config.jobs[claim.job]
            try:
                supervisor.submit(specify(job, claim, context, totals.get(claim.key, {})))
            except ScheduledError as error:
                self._pending.append(Ended(ending=unprepared(claim, str(error))))

    def _step(self, ledger: Ledger, supervisor: SupervisorClient) -> bool:
        """Take one batch of news; return False if none will come any more."""
        pending, self._pending = self._pending, []
        records = pending or supervisor.records(self._follow_ups.until_retry())
        if records is None:
            self._supervisor_lost(ledger)
            return False
        ends = [record.ending for record in records if isinstance(record, Ended)]
        ended = [(claim, ending) for ending in ends if (claim := self._claims.get(ending.run_id)) is not None]
        with ledger.transaction():
            events = [event for record in records for event in self._settle(ledger, record)]
            events += lost_steps.drop(ledger, self._runtime, clock.now())
            if not self._stopped:
                self._take(ledger, self._follow_ups.starts(ledger, ended))
        self._runtime.publish(events)
        self._submit(supervisor, ledger)
        return True

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
        **({"target": claim.target} if claim.target else {}),
        "run_id": claim.run_id,
        "scheduled_for": stamp(claim.scheduled_for, zone),
        "missed": claim.missed,
        "attempt": claim.attempt,
    }
    return Event(name="job_started", payload=payload)
