"""The lines of a dry run about what waits: why, and until when if that is known."""

from typing import Any

from scheduled.clock import stamp
from scheduled.core import overlap
from scheduled.core.epochs import base_of, open_slots_of
from scheduled.core.holds import Holds, quiet
from scheduled.core.job_plan import JobPlan
from scheduled.core.jobs import Job
from scheduled.core.runs import JobState
from scheduled.queries import assumptions
from scheduled.schedules.zones import Instant

# Open reasons that end at a known instant.
WITH_END = ("waiting_retry", "deferred", "quiet", "paused", "jitter", "start_delay")


def line(
    job: Job,
    job_state: JobState,
    plan: JobPlan,
    holds: Holds,
    at: tuple[Instant, str],
    *,
    behind: bool,
    asks: bool,
) -> dict[str, Any]:
    """Return the line about *job*, or a target of it, which waits according to its *plan*; *at* is now, and the zone.

    *behind*: a retry of it waits for another run of the job to succeed. *asks*: a run of it begins to wait for approval.
    """
    now, zone = at
    key, end = job_state.key, _end(job, plan, holds, now)
    reason = "asks for approval" if asks else _reason(job, job_state, plan, holds, now)
    row = {
        "job": job.name,
        "target": key.target or None,
        "open_reason": plan.waits,
        **({"until": stamp(end, zone)} if end is not None else {}),
        **({"reason": reason} if reason else {}),
    }
    if behind:
        then = "waits for the next tick if the run above succeeds; otherwise it starts in this one"
        return assumptions.with_success({**row, "reason": then})
    return row


def _end(job: Job, plan: JobPlan, holds: Holds, now: Instant) -> Instant | None:
    """Return when what *job* waits for ends; None if that is not known."""
    if plan.waits == "quiet" and job.not_between is not None:  # a deadline may pass before their end
        return quiet(job.not_between, job.zone, now)
    if plan.waits == "start_delay":  # a slot may come before its end
        return holds.booted + job.start_delay
    return plan.next_due if plan.waits in WITH_END else None


def _reason(job: Job, job_state: JobState, plan: JobPlan, holds: Holds, now: Instant) -> str:
    """Return why *job* waits in words; "" if its open reason and the end are enough."""
    if plan.waits == "after":
        return f"waits for {' and '.join(job.after)}"
    if plan.waits == "ask":
        return f"waits for your decision: `scheduled explain {job_state.key.display_name}`"
    if plan.waits == "queued" and job.overlap == "skip" and _came_due(job, job_state, holds, now):
        return 'is skipped when the run under way has ended (`overlap = "skip"`)'
    return ""


def _came_due(job: Job, job_state: JobState, holds: Holds, now: Instant) -> bool:
    """Return whether the newest open slot of *job* came due while its run was under way."""
    base, until = base_of(job_state), now - job.delay
    newest = open_slots_of(job_state).last_until(until)
    spans = overlap.came_due(job, job_state, base, until, now, holds)
    return newest is not None and any(after < newest <= last for after, last in spans)
