"""The sentence of `explain` about a job that its `start_delay` holds back after a boot."""

from scheduled.core.epochs import base_of, open_slots_of
from scheduled.core.holds import is_too_late
from scheduled.core.jobs import Job
from scheduled.core.runs import JobState
from scheduled.queries.explain_slot import when
from scheduled.queries.next_run import next_start
from scheduled.queries.view import View
from scheduled.schedules.zones import Instant


def after_boot(view: View, job: Job, job_state: JobState) -> str:
    """Return that the `start_delay` of *job* holds it back, or what becomes of its newest open slot instead."""
    delayed = view.holds.booted + job.start_delay
    start, booted = when(delayed, view), when(view.holds.booted, view)
    slot, found = _newest_open(view, job, job_state), next_start(view, job_state.key)
    then = "It will not run" if found is None else f"It will run at {when(found.tick, view)}"
    because = f"(its `start_delay`; the machine was booted at {booted})"
    if slot is not None and is_too_late(job, slot + job.delay, delayed):
        late = f"cannot start before {start}, which is too late for its `grace`"
        return f"{then}: the slot of {when(slot, view)} {late} {because}."
    newer = found.start.claim.slot if found is not None and found.start is not None else None
    if slot is not None and newer is not None and newer > slot:
        covers = f"the newer slot of {when(newer, view)} covers it"
        return f"{then}: the slot of {when(slot, view)} cannot start before {start} {because}, and {covers}."
    return f"It waits: its `start_delay` lets it start at {start}; the machine was booted at {booted}."


def _newest_open(view: View, job: Job, job_state: JobState) -> Instant | None:
    """Return the newest slot that is due and open; None if there is none."""
    slot = open_slots_of(job_state).last_until(view.now - job.delay)
    return slot if slot is not None and slot > base_of(job_state) else None
