"""Drop steps of chains that can no longer run: their job is disabled or was removed, or their runs are lost."""

from scheduled.core.events import Event
from scheduled.core.jobs import job_of
from scheduled.core.keys import JobKey
from scheduled.core.records import CHAIN
from scheduled.core.runs import StartRequest
from scheduled.engine.runtime import Runtime
from scheduled.engine.settle import chain_without_runs, context_of, step_lost, step_over
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
    if not after and not any(_is_lost(runtime, key) for key in ledger.requested_keys()):
        return []  # the usual case: there is no need to read all start requests
    return [row for row in ledger.start_requests(after) if row.parent and _is_lost(runtime, row.key)]


def close_waiting(ledger: Ledger, runtime: Runtime, now: float) -> list[Event]:
    """Close chain steps that wait for a retry of a disabled or removed job, and continue their chains.

    Return the events to publish.
    """
    events: list[Event] = []
    jobs, context = runtime.config.jobs, context_of(runtime, now)
    for run in ledger.open_runs():
        if run.parent and run.status == "waiting_retry" and _is_lost(runtime, run.key):
            gone = "the target is gone" if run.job in jobs else "the job no longer exists"
            ledger.close_run(run.run_id, "failed", "disabled" if job_of(jobs, run.key) else gone)
            events += step_over(ledger, context, run, "failed")
    return events


def continue_without_runs(ledger: Ledger, runtime: Runtime, now: float) -> list[Event]:
    """Continue chains that wait for runs which are not in the ledger any more; return the events to publish.

    Earlier versions deleted runs of a step with the history while another run of it still waited.
    """
    open_runs = ledger.open_runs()
    chains = {run.run_id for run in open_runs if run.tick == CHAIN and run.status == "running"}
    waiting = chains - {run.parent for run in open_runs}
    if not waiting:  # the usual case: a chain has a run, or a start request
        return []
    waiting -= {row.parent for row in ledger.start_requests()}
    context, events = context_of(runtime, now), list[Event]()
    for run in open_runs:
        if run.run_id in waiting:
            events += chain_without_runs(ledger, context, run)
    return events


def _is_lost(runtime: Runtime, key: JobKey) -> bool:
    """Return whether *key* can't run any more as a step of a chain."""
    jobs, found = runtime.config.jobs, job_of(runtime.config.jobs, key)
    if found is None:  # the job may be defined in a file that can't be read now
        return key.job in jobs or not runtime.config.problems
    return not found.enabled
