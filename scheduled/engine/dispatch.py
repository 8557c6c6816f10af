"""Execute claimed runs: each one is published on the bus, and the executor of its kind of action takes it.

The executor for processes is here: one supervisor per tick. The result of each run is settled as soon as it
arrives, and the runs that follow from it start in the same tick.
"""

import signal
from collections.abc import Collection, Sequence
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from scheduled import clock
from scheduled.actions.kind import SUPERVISOR
from scheduled.actions.registry import kind_of
from scheduled.core.jobs import Job
from scheduled.core.keys import JobKey
from scheduled.core.records import Claimant
from scheduled.core.runs import Claim
from scheduled.core.starts import Start, asks
from scheduled.engine import claims, facts, lost_steps, recovery, settle
from scheduled.engine.executors import EXECUTORS
from scheduled.engine.expiry import expire
from scheduled.engine.follow_ups import FollowUps
from scheduled.engine.planning import Gates
from scheduled.engine.run_claimed import RunClaimed
from scheduled.engine.runtime import Runtime
from scheduled.errors import ScheduledError, StateError
from scheduled.execution.client import SupervisorClient
from scheduled.execution.prepare import specify, unprepared
from scheduled.execution.protocol import Ended, NotStarted, Record
from scheduled.schedules.zones import MINUTE
from scheduled.state import directories
from scheduled.state.ledger import Ledger
from scheduled.state.locks import create_locked

if TYPE_CHECKING:
    from scheduled.core.events import Event
    from scheduled.engine.replacing import Replacing
    from scheduled.engine.tick_gates import TickGates

POLL = 0.1  # seconds between two looks at the runs that are being stopped


class Dispatcher:
    """Runs of one tick: `take` claims and starts them, `follow` settles their results.

    Creating a dispatcher forks the supervisor: a SQLite connection must not be carried across a fork, so this
    has to happen before the ledger is opened. The supervisor imports its modules while the tick plans.
    """

    def __init__(
        self, runtime: Runtime, claimant: Claimant, now: float, only: Collection[str] | None
    ) -> None:
        self._runtime = runtime
        self.claimant = claimant
        self._follow_ups = FollowUps(runtime, claimant.tick, now, only)
        self._results = runtime.paths.results_of(claimant.tick)
        self.claimed: list[Claim] = []  # the runs of this tick, in the order of their claims
        self._claims: dict[str, Claim] = {}
        self._waiting: list[Claim] = []  # not submitted before the transaction that claims them is committed
        self._pending: list[Record] = []
        self._problems: list[str] = []
        self._events: list[Event] = []  # to publish after the commit
        self._checked = 0  # the newest start request that was found to have a job
        self._stopped = False
        self._replacing: Replacing | None = None
        self.out_of_time = False  # whether the limit `max_minutes` kept a claimed run from its start
        runtime.bus.subscribe(RunClaimed, self._take_over)
        for take_over in EXECUTORS:
            runtime.bus.subscribe(RunClaimed, partial(take_over, runtime.config.jobs))
        self._supervisor: SupervisorClient | None = None
        self._no_supervisor = ""
        try:
            self._supervisor = self._fork_supervisor()
        except StateError as error:
            self._no_supervisor = f"{error}; the next tick retries"

    def _fork_supervisor(self) -> SupervisorClient:
        config = self._runtime.config
        within = None if config.max_minutes is None else config.max_minutes * MINUTE
        directories.prepare(self._runtime.paths)
        # The result file is locked before a claim is committed. Another process that reads the claim would
        # otherwise take this tick for dead.
        return SupervisorClient(self._results, create_locked(self._results), config.max_parallel, within)

    def heed(self, gates: "TickGates | None") -> None:
        """Make the *gates* of this tick hold back its runs, and start what waits for them when they have answered."""
        self._follow_ups.asked = gates

    @property
    def gates(self) -> Gates:
        """What is known about the gates of this tick."""
        return self._follow_ups.gates

    def take(self, ledger: Ledger, due: Sequence[Start], requested: Sequence[Start]) -> bool:
        """Claim and start those runs that no other process has claimed, in the caller's transaction.

        Runs that are *due*, and not *requested*, may have to wait for gates. Return False if no supervisor could be
        forked.
        """
        starts = [*self._follow_ups.admitted(due), *requested]
        if self._supervisor is not None:
            self._take(ledger, starts)
        elif starts:
            self._problems.append(self._no_supervisor)
        return self._supervisor is not None

    def _take(self, ledger: Ledger, starts: Sequence[Start]) -> None:
        """Claim and begin *starts*, and the runs that they request, such as the steps of a chain."""
        while starts:
            now = clock.now()
            if any(start.replaces for start in starts):
                starts = self._stop_first(ledger, starts, now)
            started = claims.take(ledger, starts, self.claimant, now)
            self._follow_ups.count(started)
            context = settle.context_of(self._runtime, now)
            self._events += settle.settle_superseded(ledger, context, started)
            self.claimed += [start.claim for start in started]
            jobs = self._runtime.config.jobs
            asking = [start for start in started if asks(jobs[start.claim.job], start)]
            if asking:
                from scheduled.engine import approvals  # few jobs have `approve`

                self._events += approvals.ask(ledger, self._runtime, asking)
            taken = [start.claim for start in started if start not in asking]
            requested = [self._begin(ledger, claim, now) for claim in taken]
            starts = self._requested(ledger, now) if any(requested) else ()

    def _stop_first(self, ledger: Ledger, starts: Sequence[Start], now: float) -> list[Start]:
        """Request the end of the runs that some of *starts* replace; return the other starts."""
        from scheduled.engine.replacing import Replacing  # few jobs have `overlap = "replace"`

        self._replacing = self._replacing or Replacing(self._runtime)
        self._replacing.request(ledger, [start for start in starts if start.replaces], int(now))
        return [start for start in starts if not start.replaces]

    @property
    def events(self) -> "Sequence[Event]":
        """The events of claims that are not published yet."""
        return self._events

    @property
    def _waits_for_end(self) -> bool:
        """Whether this tick waits for the end of runs that it stops."""
        return bool(self._replacing) and not self._stopped

    def _requested(self, ledger: Ledger, now: float) -> Sequence[Start]:
        """Return the starts that the runs which have just begun requested."""
        # A disabled step ends its chain now, and one that its gate skips lets it continue: not in a later tick.
        ended = self._ended(ledger, now)
        self._events += ended
        keys, behind = self._follow_ups.after_chains(ledger, ended)
        return self._follow_ups.planned(ledger, keys | self._follow_ups.requested(ledger), behind, now)

    def _ended(self, ledger: Ledger, now: float, after: int = 0) -> "list[Event]":
        """End the steps of chains that can't run, and the start requests with an id over *after* that their gate skips.

        Return the events to publish.
        """
        events: list[Event] = []
        newest = -1
        while newest != (newest := ledger.newest_start_request()):  # each may request the next step
            if self.gates.refused:
                events += expire(ledger, self._runtime, self.gates, self.claimant, now, after)
            events += lost_steps.drop(ledger, self._runtime, now, after)
        return events

    def _begin(self, ledger: Ledger, claim: Claim, now: float) -> bool:
        """Publish a claimed run and let the executor that takes it begin it; undo the claim if none does.

        Return whether the run requested other runs.
        """
        run = RunClaimed(job=self._runtime.config.jobs[claim.job], claim=claim)
        self._runtime.bus.publish(run)
        if run.begin is not None:
            return run.begin(ledger, run.job, claim, now)
        ledger.unclaim(claim.run_id)
        self._follow_ups.untaken.add(claim.key)
        self._problems.append(
            f"{claim.run_id}: not started: no executor for actions of kind {run.job.action.kind};"
            f" install the package that has one, or run `scheduled disable {claim.job}`"
        )
        return False

    @property
    def events_left(self) -> int:
        """How many runs for events this tick may still start."""
        return self._follow_ups.events_left

    @property
    def sessions_left(self) -> int | None:
        """How many sessions of agents this tick may still start; None for any number."""
        return self._follow_ups.sessions_left

    @property
    def untaken(self) -> Collection[JobKey]:
        """The jobs and targets with a claimed run that no executor took."""
        return self._follow_ups.untaken

    def _take_over(self, run: RunClaimed) -> None:
        """Take a run if the supervisor executes its kind of action."""
        if kind_of(run.job.action).EXECUTOR == SUPERVISOR:
            run.take(self._queue)

    def _queue(self, ledger: Ledger, job: Job, claim: Claim, now: float) -> bool:  # noqa: ARG002 - as `Begin`
        """Keep a claim for the supervisor until its transaction is committed.

        Return False: it requests no other run.
        """
        self._claims[claim.run_id] = claim
        self._waiting.append(claim)
        self._follow_ups.spend(claim)
        return False

    def follow(self, ledger: Ledger) -> list[str]:
        """Settle runs as they end and start the runs that follow from them, until none is left.

        Return one line for each run that could not be started or recorded. SIGTERM and SIGINT stop the jobs.
        SIGKILL ends only this process: the jobs keep running, and the next tick loads their results.
        """
        self._publish_events()
        if self._supervisor is not None and (
            self.claimed or self._follow_ups.expected or self._waits_for_end
        ):
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, lambda *_: self._stop())
            try:
                self._submit(self._supervisor, ledger)
                while (self._claims or self._follow_ups.expected or self._waits_for_end) and self._step(
                    ledger, self._supervisor
                ):
                    pass
            except StateError as error:
                self._problems.append(str(error))
        if self._follow_ups.asked is not None:
            self._follow_ups.asked.close()
        return self._problems

    def close(self) -> None:
        """Disconnect from the supervisor, which finishes the runs that it has started, and stop asking gates.

        Call it after the ledger is closed: as long as the supervisor lives, no other tick removes its result file, from
        which the last commits follow. Remove that file if this tick claimed no run.
        """
        if self._follow_ups.asked is not None:
            self._follow_ups.asked.close()
        if self._supervisor is not None:
            self._supervisor.close()
            self._supervisor = None
        if not self.claimed:
            with suppress(OSError):  # the next tick removes it
                self._results.unlink(missing_ok=True)

    def _stop(self) -> None:
        """Start no more runs and end those that run. Signals call it anywhere: it changes no list that is in use."""
        self._stopped = True
        self._follow_ups.stop()
        if self._supervisor is not None:
            self._supervisor.stop()

    def _submit(self, supervisor: SupervisorClient, ledger: Ledger) -> None:
        waiting, self._waiting = self._waiting, []
        if not waiting:
            return  # the context is only computed for runs
        ledger.sync()
        context, totals = self._runtime.context(), ledger.totals()
        for claim in waiting:
            job = self._runtime.config.jobs[claim.job]
            try:
                supervisor.submit(specify(job, claim, context, totals.get(claim.key, {})))
            except ScheduledError as error:
                self._pending.append(unprepared(claim, error))

    def _note_not_started(self, records: Sequence[Record]) -> None:
        """Leave the jobs with runs that could not be started to later ticks.

        The result file of this tick proves that the attempt was not started: if the tick claimed it once more, another
        tick would give the claim back, and start it too.
        """
        ids = [record.run_id for record in records if isinstance(record, NotStarted)]
        self._follow_ups.not_started |= {self._claims[run_id].key for run_id in ids if run_id in self._claims}

    def _step(self, ledger: Ledger, supervisor: SupervisorClient) -> bool:
        """Settle the next batch of records; return False if the supervisor sends no more."""
        from scheduled.engine import large_reports, supervised  # only if a run was claimed

        pending, self._pending = self._pending, []
        left = self._follow_ups.left()
        if self._waits_for_end:
            left = POLL if left is None else min(left, POLL)
        records = pending or supervisor.records(left, self._follow_ups.descriptor)
        if records is None:
            self._supervisor_lost(ledger)
            return False
        if not self._stopped and any(isinstance(r, NotStarted) and r.deferred for r in records):
            self.out_of_time = True
        self._note_not_started(records)
        ends = [record.attempt_result for record in records if isinstance(record, Ended)]
        ended = [
            (claim, attempt_result)
            for attempt_result in ends
            if (claim := self._claims.get(attempt_result.run_id)) is not None
        ]
        answered = self._follow_ups.collect()
        gone = self._replacing.look() if self._replacing is not None and self._waits_for_end else []
        if self._waits_for_end and not (records or answered or gone or self._follow_ups.left() == 0):
            return True
        for attempt_result in ends:
            large_reports.record(ledger, self._runtime, attempt_result)
        with self._runtime.settling(ledger, durable=bool(pending)):
            events = [
                event
                for record in records
                for event in supervised.settled(ledger, self._runtime, record, self._claims, self._problems)
            ]
            if answered:
                events += expire(ledger, self._runtime, self.gates, self.claimant, clock.now())
            events += self._ended(ledger, clock.now(), self._checked)
            self._checked = ledger.newest_start_request()
            free = set[JobKey]()
            if self._replacing is not None and gone:
                settled, free = self._replacing.settle(ledger, gone, clock.now())
                events += settled
            if not self._stopped:
                self._take(
                    ledger, self._follow_ups.starts(ledger, ended, events, answered=answered, free=free)
                )
            facts.note(ledger, self._runtime, [*events, *self._events])
        self._runtime.publish(events)
        self._publish_events()
        self._submit(supervisor, ledger)
        return True

    def _publish_events(self) -> None:
        """Publish the events of claims. Call it after the commit."""
        events, self._events = self._events, []
        self._runtime.publish([*events, *self._follow_ups.take_events()])

    def _supervisor_lost(self, ledger: Ledger) -> None:
        """Settle the runs of a supervisor that was killed, as after a tick that was killed."""
        recovery.record_large_reports(ledger, self._runtime)
        with self._runtime.settling(ledger):
            events = recovery.settle_ended(ledger, self._runtime, clock.now())
            facts.note(ledger, self._runtime, events)
        self._runtime.publish(events)
        self._problems.append(
            "this tick's supervisor was killed; a command that still runs is left to end, but its result can't be known:"
            " the first tick after its end treats the run as interrupted, by `on_interrupted` of its job"
        )
