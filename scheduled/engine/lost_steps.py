"""Steps of chains, and other triggers, that can't run any more because their job is disabled or gone."""

from scheduled.core.events import Event
from scheduled.engine.runtime import Runtime
from scheduled.engine.settle import context_of, step_lost, step_over
from scheduled.state.ledger import Ledger


def drop(ledger: Ledger, runtime: Runtime, now: float) -> list[Event]:
    """Drop triggers of jobs that are configured no more, and steps that are disabled: their chain goes on, or fails."""
    events: list[Event] = []
    context = context_of(runtime, now)
    while lost := [row for row in ledger.triggers() if _is_lost(runtime, row.job, row.parent)]:
        for row in lost:
            events += step_lost(ledger, context, row)
    return events


def close_waiting(ledger: Ledger, runtime: Runtime, now: float) -> list[Event]:
    """Close the steps that wait for another attempt, which their job is disabled for, or gone."""
    events: list[Event] = []
    jobs, context = runtime.config.jobs, context_of(runtime, now)
    for run in ledger.open_runs():
        if run.parent and run.status == "waiting_retry" and _is_lost(runtime, run.job, run.parent):
            ledger.close_run(run.run_id, "failed", "disabled" if run.job in jobs else "no such job any more")
            events += step_over(ledger, context, run, "failed")
    return events


def _is_lost(runtime: Runtime, job: str, parent: str) -> bool:
    """Tell whether nothing will come of what waits for *job*, for the chain's run *parent* if there is one."""
    found = runtime.config.jobs.get(job)
    if found is None:
        return not runtime.config.problems  # it may be defined in a file that can't be read
    return bool(parent) and not found.enabled
