"""Executing what was claimed: one supervisor for the tick, each end settled as it comes."""

import signal
from collections.abc import Sequence

from scheduled import adoption, clock
from scheduled.actions.prepare import specify
from scheduled.actions.spec import Ended, NotStarted, Record, Spec, Started
from scheduled.actions.supervision import Supervision
from scheduled.claims import Claimed
from scheduled.errors import ScheduledError, StateError
from scheduled.events import Event
from scheduled.house import House
from scheduled.jobs import Claim, Ending
from scheduled.state.ledger import Holder, Ledger


class Execution:
    """The runs of one tick. Making it forks the supervisor, so no ledger may be open then."""

    def __init__(self, house: House, holder: Holder, claimed: Claimed) -> None:
        self._house = house
        self._waiting: dict[str, Claim] = {start.claim.run_id: start.claim for start in claimed.starts}
        self._unprepared: list[Record] = []
        self._troubles: list[str] = []
        self._supervision: Supervision | None = None
        if claimed.outcomes is not None:
            specs = self._specifications(claimed)
            path = house.paths.outcomes_of(holder.tick)
            self._supervision = Supervision(path, claimed.outcomes, house.config.max_parallel)
            for spec in specs:
                self._supervision.submit(spec)

    def _specifications(self, claimed: Claimed) -> list[Spec]:
        around, specs = self._house.surroundings(), []
        for claim in self._waiting.values():
            job = self._house.config.jobs[claim.job]
            try:
                specs.append(specify(job, claim, around, claimed.totals.get(job.name, {})))
            except ScheduledError as error:
                self._unprepared.append(Ended(ending=_unprepared(claim, str(error))))
        return specs

    def follow(self, ledger: Ledger) -> list[str]:
        """Settle the runs as they end, several in one transaction where they end together.

        Returns what could not be started or recorded, a line each. SIGTERM and SIGINT end the jobs; kill -9
        of this process leaves them running, and the next tick takes in how they ended.
        """
        if self._supervision is None:
            return []
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._stop())
        self._record(ledger, self._unprepared)
        try:
            while self._waiting and self._step(ledger, self._supervision):
                pass
        except StateError as error:
            self._troubles.append(str(error))
        self._supervision.close()
        return self._troubles

    def _stop(self) -> None:
        if self._supervision is not None:
            self._supervision.stop()

    def _step(self, ledger: Ledger, supervision: Supervision) -> bool:
        records = supervision.records(timeout=None)
        if records is not None:
            self._record(ledger, records)
            return True
        # It was killed: what it left behind is taken in as after a dead runner.
        with ledger.transaction():
            events = adoption.take_in(ledger, self._house, clock.now())
        self._house.publish(events)
        self._troubles.append(
            "this tick's supervisor was killed; what still runs is taken in by a later tick"
        )
        return False

    def _record(self, ledger: Ledger, records: Sequence[Record]) -> None:
        if not records:
            return
        events: list[Event] = []
        with ledger.transaction():
            for record in records:
                events += self._record_one(ledger, record)
        for record in records:
            if not isinstance(record, Started):
                self._waiting.pop(record.ending.run_id if isinstance(record, Ended) else record.run_id, None)
        self._house.publish(events)

    def _record_one(self, ledger: Ledger, record: Record) -> list[Event]:
        if isinstance(record, Started):
            ledger.started(record.run_id, record.attempt, record.at)
            return [_started_event(self._waiting[record.run_id])] if record.run_id in self._waiting else []
        if isinstance(record, NotStarted):
            ledger.unclaim(record.run_id)
            self._troubles.append(f"{record.run_id}: not started: {record.reason}")
            return []
        run = ledger.open_run(record.ending.run_id)
        if run is None or run.attempt != record.ending.attempt:
            return []  # another tick has taken it in already
        return adoption.settle_run(ledger, self._house, run, record.ending, clock.now())


def _started_event(claim: Claim) -> Event:
    payload = {
        "job": claim.job,
        "run_id": claim.run_id,
        "scheduled_for": claim.slot,
        "missed": max(0, claim.slots - 1),
        "attempt": claim.attempt,
    }
    return Event(name="job_started", payload=payload)


def _unprepared(claim: Claim, reason: str) -> Ending:
    now = clock.now()
    return Ending(
        run_id=claim.run_id,
        attempt=claim.attempt,
        status="failed",
        started_at=now,
        finished_at=now,
        duration_ms=0,
        exit_code=126,
        reason=reason,
    )
