"""The sentence of `explain` about a run that is under way while slots come due, for a job with `overlap`."""

from scheduled.core.epochs import base_of, open_slots_of
from scheduled.core.job_plan import JobPlan
from scheduled.core.jobs import Job
from scheduled.core.runs import JobState, OpenRun
from scheduled.queries.explain_slot import when
from scheduled.queries.view import View

STARTED_BY = {
    "manual": "a run that you started is never stopped for a slot",
    "event": "a run that an event started is never stopped for a slot",
    "chain": "a step of a chain is never stopped for a slot",
}


def overlap(view: View, job: Job, job_state: JobState | None, run: OpenRun, plan: JobPlan | None) -> str:
    """Return what happens with the slots that come due during *run*, with a space before it; "" for "wait"."""
    if job_state is None or job.overlap == "wait":
        return ""
    due = open_slots_of(job_state).last_until(view.now - job.delay)
    slot = when(due, view) if due is not None and due > base_of(job_state) else ""
    if job.overlap == "replace":
        return _replace(job, run, plan, slot) if slot else ""
    fate = "run one by one after it" if job.overlap == "queue" else "are skipped"
    first = f", such as {slot}," if slot else ""
    return f' Slots that come due during it{first} {fate} (`overlap = "{job.overlap}"`).'


def _replace(job: Job, run: OpenRun, plan: JobPlan | None, slot: str) -> str:
    if run.replaced:
        return f" It is being stopped for the slot of {slot}, which starts when all processes of its group have ended."
    if plan is not None and plan.start is not None and plan.start.replaces:
        return f' The next tick stops it for the slot of {slot} (`overlap = "replace"`).'
    if job.action.steps:
        return f" The slot of {slot} waits for its end: a chain has no process to stop."
    return f" The slot of {slot} waits for its end{_because(run)}."


def _because(run: OpenRun) -> str:
    return f": {STARTED_BY[run.trigger]}" if run.trigger in STARTED_BY else ""
