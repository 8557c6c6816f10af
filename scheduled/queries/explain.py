"""`explain JOB`: why a job ran, did not run, or will run, as one sentence and the facts behind it.

The explanation uses the configuration and the ledger only. It takes no lock, evaluates no gate and changes nothing.
"""

from typing import Any

from scheduled.core.jobs import Job, key_of
from scheduled.core.planner import JobPlan
from scheduled.core.runs import JobState
from scheduled.instance import Instance
from scheduled.queries import assumptions
from scheduled.queries.explain_facts import facts
from scheduled.queries.explain_future import future
from scheduled.queries.explain_slot import explain_slot
from scheduled.queries.last_known import NOTHING_RUNS
from scheduled.queries.last_outcome import last_outcome
from scheduled.queries.next_run import next_run
from scheduled.queries.view import View, open_view
from scheduled.schedules.instants import read
from scheduled.state.ledger import Ledger


def explain(instance: Instance, job: str, at: str | None = None) -> dict[str, Any]:
    """Return why a job will or will not run, or, with *at*, the verdict of its last slot at or before *at*.

    *at* is an ISO 8601 text, in the configured zone if it names none. Raise ConfigError with the nearest name if there
    is no such job.
    """
    with open_view(instance) as (view, ledger):
        if at is None:
            return _explain_next(view, ledger, job)
        return explain_slot(view, ledger, job, read(at, view.zone))


def _explain_next(view: View, ledger: Ledger, name: str) -> dict[str, Any]:
    """Return what the next tick will do with a job, and why."""
    job = view.job(name)
    key = key_of(job)
    plan, job_state = view.job_plan(job, key), view.job_states.get(key)
    return {
        "job": name,
        "target": key.target or None,
        "last_outcome": last_outcome(view, ledger, key),
        "sentence": _now(view, ledger, job, job_state, plan),
        **facts(view, ledger, job, job_state, plan),
    }


def sentence(view: View, ledger: Ledger, name: str) -> str:
    """Return the sentence of `explain` about the future of the job *name*."""
    job = view.job(name)
    key = key_of(job)
    return _now(view, ledger, job, view.job_states.get(key), view.job_plan(job, key))


def _now(view: View, ledger: Ledger, job: Job, job_state: JobState | None, plan: JobPlan | None) -> str:
    """Return the sentence about the future; a second one if it needs a tick and none comes."""
    if view.config.unreadable:
        return NOTHING_RUNS
    found = future(view, ledger, job, job_state, plan)
    has_future = plan is not None and not (job_state and job_state.busy) and next_run(view, key_of(job))
    return found + assumptions.no_tick(view) if has_future else found
