"""Drop steps of chains that can no longer run: their job is disabled or was removed."""

from scheduled.core.events import Event
from scheduled.core.runs import StartRequest
from scheduled.engine.runtime import Runtime
from scheduled.engine.settle import context_of, step_lost, step_over
from scheduled.state.ledger import Ledger, StartRequests


def drop(ledger: Ledger, runtime: Runtime, now: float, after: int = 0) -> list[Event]:
    """Drop the start requests of steps of disabled and removed jobs; continue their chains.

    Start requests with an id up to *after* were checked before. Return the events to publish.
    """
    events: list[Event] = []
    context = context_of(runtime, now)
    while lost := _lost(ledger, runtime, after):
        for row in lost:
            events += step_lost(ledger, context, row)
    return events


def _lost(ledger: StartRequests, runtime: Runtime, after: int) -> list[StartRequest]:
    if not after and not any(_is_lost(runtime, key.job) for key in ledger.requested_keys()):
        return []  # the usual case: there is no need to read all start requests
    return [row for row in ledger.start_requests(after) if row.parent and _is_lost(runtime, row.job)]


def close_waiting(ledger: Ledger, runtime: Runtime, now: float) -> list[Event]:
    """Close chain steps that wait for a retry of a disabled or removed job, and continue their chains.

    Return the events to publish.
    """
    events: list[Event] = []
    jobs, context = runtime.config.jobs, context_of(runtime, now)
    for run in ledger.open_runs():
        if run.parent and run.status == "waiting_retry" and _is_lost(runtime, run.job):
            ledger.close_run(
                run.run_id, "failed", "disabled" if run.job in jobs else "the job no longer exists"
            )
            events += step_over(ledger, context, run, "failed")
    return events


def _is_lost(runtime: Runtime, job: str) -> bool:
    """Return whether *job* can't run any more as a step of a chain."""
    found = runtime.config.jobs.get(job)
    if found is None:
        return not runtime.config.problems  # the job may be defined in a file that can't be read now
    return not found.enabled
