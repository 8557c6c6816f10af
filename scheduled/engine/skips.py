"""Announce skipped slots: the event `job_skipped`, and start requests of the jobs that subscribe to it."""

from collections.abc import Sequence

from scheduled.clock import stamp
from scheduled.core.configured_jobs import Jobs
from scheduled.core.events import Event
from scheduled.core.jobs import enabled_keys_of
from scheduled.core.keys import JobKey
from scheduled.core.runs import OpenRun, Span, scheduled_for
from scheduled.engine import start_requests
from scheduled.state.ledger import Ledger


def skipped(key: JobKey, span: Span, reason: str, zone: str) -> Event:
    """Return the event that the slots of *span* were skipped for *reason*, without a run.

    It names the newest slot, in *zone*.
    """
    payload = {
        "job": key.job,
        **({"target": key.target} if key.target else {}),
        "status": "skipped",
        "reason": reason,
        "scheduled_for": stamp(span.last, zone),
        "slots": span.count,
    }
    return Event(name="job_skipped", payload=payload)


def of_run(run: OpenRun, reason: str, zone: str) -> Event:
    """Return the event that *run*, with its slot if it has one, was skipped for *reason*."""
    payload = {
        "job": run.job,
        **({"target": run.target} if run.target else {}),
        "run_id": run.run_id,
        "status": "skipped",
        "reason": reason,
        "scheduled_for": stamp(scheduled_for(run), zone),
        "slots": int(run.slot is not None),  # older slots of the run are coalesced, not skipped
        "attempt": run.attempt,
        "duration_ms": None,
        "exit_code": None,
    }
    return Event(name="job_skipped", payload=payload)


def announce(ledger: Ledger, jobs: Jobs, events: Sequence[Event], now: float) -> set[JobKey]:
    """Request starts of the jobs that subscribe to *events*, in the caller's transaction.

    Return the jobs and targets with a request. The caller publishes *events* after the commit.
    """
    start_requests.spread(ledger, jobs, events, 0, now)
    names = {name for event in events for name in start_requests.subscribers(jobs, event)}
    return {key for name in names for key in enabled_keys_of(jobs[name])}
