"""Settle the records that the supervisor of a tick sends: runs that started, could not be started, or ended.

Called inside an exclusive transaction of the caller.
"""

from scheduled import clock
from scheduled.clock import stamp
from scheduled.core.events import Event
from scheduled.core.runs import UNDER_WAY, Claim, OpenRun
from scheduled.engine import settle, start_requests
from scheduled.engine.runtime import Runtime
from scheduled.execution.protocol import Ended, NotStarted, Record, Started
from scheduled.state.ledger import Ledger


def settled(
    ledger: Ledger, runtime: Runtime, record: Record, open_claims: dict[str, Claim], problems: list[str]
) -> list[Event]:
    """Settle *record*, and return the events to publish after the commit.

    A run that has ended or was not started is removed from *open_claims*, the runs of this tick by their ids. The reason why
    it was not started is added to *problems*.
    """
    if isinstance(record, Started):
        return _started(ledger, runtime, record, open_claims.get(record.run_id))
    if isinstance(record, NotStarted):
        open_claims.pop(record.run_id, None)
        ledger.unclaim(record.run_id)
        if not record.deferred:
            problems.append(f"{record.run_id}: not started: {record.reason}")
        return []
    open_claims.pop(record.attempt_result.run_id, None)
    return _ended(ledger, runtime, record)


def _ended(ledger: Ledger, runtime: Runtime, record: Ended) -> list[Event]:
    run = ledger.open_run(record.attempt_result.run_id)
    if run is None or run.attempt != record.attempt_result.attempt or run.status not in UNDER_WAY:
        return []  # another tick has already settled it
    if run.replaced and _lingers(runtime, run, record):
        return []  # the tick that stopped it waits for the rest of its group, or the next one
    try:
        return settle.settle_finished(ledger, runtime, run, record.attempt_result, clock.now())
    except OSError as error:
        settle.leave_to_next_tick(runtime, run, error)
        return []


def _lingers(runtime: Runtime, run: OpenRun, record: Ended) -> bool:
    from scheduled.engine import replacing  # few jobs have runs that replace others

    return replacing.lingers(runtime, run, record.attempt_result.finished_at, clock.now())


def _started(ledger: Ledger, runtime: Runtime, record: Started, claim: Claim | None) -> list[Event]:
    ledger.started(record.run_id, record.attempt, record.at)
    if record.so_far is not None:  # its `post`, which runs after every end
        return []
    if claim is None or record.follows:
        return []
    event = _started_event(claim, runtime.zone)
    start_requests.spread(ledger, runtime.config.jobs, [event], claim.depth, clock.now(), claim.run_id)
    return [event]


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
