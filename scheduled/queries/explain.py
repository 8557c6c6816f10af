"""`explain JOB`: why a job ran, did not run, or will run, as one sentence and the facts behind it.

The explanation uses the configuration and the ledger only. It takes no lock, evaluates no gate and changes nothing.
"""

from typing import Any

from scheduled.config.named import each_target, known_or_former
from scheduled.core.job_plan import JobPlan
from scheduled.core.jobs import job_of
from scheduled.core.keys import JobKey
from scheduled.core.runs import JobState
from scheduled.instance import Instance
from scheduled.queries import assumptions
from scheduled.queries.explain_facts import facts
from scheduled.queries.explain_future import future
from scheduled.queries.explain_slot import explain_slot, when
from scheduled.queries.explain_targets import overview, sentence_of_all
from scheduled.queries.last_known import NOTHING_RUNS
from scheduled.queries.last_outcome import last_outcome
from scheduled.queries.next_run import next_run
from scheduled.queries.view import View, open_view
from scheduled.schedules.instants import read
from scheduled.schedules.zones import Instant
from scheduled.state.ledger import Ledger


def explain(instance: Instance, job: str, at: str | None = None) -> dict[str, Any]:
    """Return why a job will or will not run, or, with *at*, the verdict of its last slot at or before *at*.

    *job* is a job or a target of one, also a former one. Of a job with `for_each`, the document has an explanation of each target as `targets`.
    *at* is an ISO 8601 text, in the configured zone if it names none. Raise ConfigError with the nearest name if there
    is no such job.
    """
    with open_view(instance) as (view, ledger):
        key = known_or_former(view.config, job, view.rows)
        instant = None if at is None else read(at, view.zone)
        if instant is None and job_of(view.config.jobs, key) is None and key.target:
            return _gone(view, ledger, key)
        if key.target or view.config.jobs[key.job].for_each is None:
            return _explain(view, ledger, key, instant)
        found = [_explain(view, ledger, one, instant) for one in each_target(view.config, key)]
        return overview(_explain(view, ledger, key, None), found)


def _explain(view: View, ledger: Ledger, key: JobKey, at: Instant | None) -> dict[str, Any]:
    return _explain_next(view, ledger, key) if at is None else explain_slot(view, ledger, key, at)


def _gone(view: View, ledger: Ledger, key: JobKey) -> dict[str, Any]:
    """Return what became of *key*, a target that its job no longer has."""
    ends = [epoch.ends_at for epoch in ledger.epochs() if epoch.key == key and epoch.ends_at is not None]
    since = f"; it has no slots after {when(max(ends), view)}" if ends else ""
    return {
        "job": key.job,
        "target": key.target,
        "last_outcome": last_outcome(view, ledger, key),
        "sentence": f"It will not run: {key.target} is no longer a target of {key.job}{since}.",
    }


def _explain_next(view: View, ledger: Ledger, key: JobKey) -> dict[str, Any]:
    """Return what the next tick will do with *key*, and why."""
    plan, job_state = view.job_plan(view.config.jobs[key.job], key), view.job_states.get(key)
    return {
        "job": key.job,
        "target": key.target or None,
        "last_outcome": last_outcome(view, ledger, key),
        "sentence": _now(view, ledger, key, job_state, plan),
        **facts(view, ledger, key, job_state, plan),
    }


def sentence(view: View, ledger: Ledger, key: JobKey) -> str:
    """Return the sentence of `explain` about the future of *key*; of a job with targets, about all of them."""
    keys = each_target(view.config, key)
    found = [
        _now(view, ledger, one, view.job_states.get(one), view.job_plan(view.config.jobs[one.job], one))
        for one in keys
    ]
    return (
        found[0]
        if keys == (key,)
        else sentence_of_all(key.job, [one.target for one in keys], found, view.list_problem(key.job))
    )


def _now(view: View, ledger: Ledger, key: JobKey, job_state: JobState | None, plan: JobPlan | None) -> str:
    """Return the sentence about the future; a second one if it needs a tick and none comes."""
    if view.config.unreadable:
        return NOTHING_RUNS
    found = future(view, ledger, key, job_state, plan)
    has_future = plan is not None and not (job_state and job_state.busy) and next_run(view, key)
    return found + assumptions.no_tick(view) if has_future else found
