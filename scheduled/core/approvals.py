"""Runs that wait for the approval of a person (`approve`): which ones, until when, and what happens then.

Such a run has claimed its slot, or its start request, and waits without an attempt and without an instant at which it
is due. So it waits in the same way as a run that was interrupted and asks (`on_interrupted = "ask"`), and the same
answers decide both.
"""

import msgspec

from scheduled.core.jobs import Job
from scheduled.core.runs import JobState, OpenRun
from scheduled.core.starts import Start
from scheduled.schedules.zones import Instant

DENIED = "denied"  # by hand, with `deny`
NOT_IN_TIME = "not approved in time"


def needs_decision(run: OpenRun) -> bool:
    """Return whether *run* waits until a person decides: it asks for approval, or was interrupted and asks."""
    return run.status == "waiting_retry" and run.retry_at is None


def is_asked(run: OpenRun) -> bool:
    """Return whether *run* waits for approval: no attempt of it was made."""
    return needs_decision(run) and run.attempt == 0


def deadline(job: Job, run: OpenRun) -> Instant | None:
    """Return the instant at which the default answer decides about *run*, which waits for approval; None if none does."""
    if job.approve is None or job.approve.by is None or not is_asked(run):
        return None
    return int(run.claimed_at) + job.approve.by


def denied_at(job: Job, run: OpenRun) -> Instant | None:
    """Return the instant at which *run* is given up because it was not approved; None if that does not happen."""
    return deadline(job, run) if job.approve is not None and job.approve.default == "deny" else None


def asked(job_state: JobState, start: Start, now: Instant) -> JobState:
    """Return *job_state* after a tick *now* that lets the run *start* wait for approval."""
    claim = start.claim
    run = OpenRun(
        run_id=claim.run_id, job=claim.job, target=claim.target, slot=claim.slot, status="waiting_retry", attempt=0,
        slots=claim.slots, trigger=claim.trigger, tick="", boot="", window_start=claim.window_start, event=claim.event,
        payload=claim.payload, parent=claim.parent, step=claim.step, depth=claim.depth, claimed_at=now,
    )  # fmt: skip
    if claim.slot is None:
        return msgspec.structs.replace(job_state, others=(*job_state.others, run))
    return msgspec.structs.replace(job_state, open_run=run)


def answered(job: Job, job_state: JobState, now: Instant) -> JobState:
    """Return *job_state* with the runs that the default answer has approved *now*: they are due, as retries are."""
    if job.approve is None or job.approve.default == "deny":
        return job_state
    run = job_state.open_run
    return msgspec.structs.replace(
        job_state,
        open_run=None if run is None else _answered(job, run, now),
        others=tuple(_answered(job, other, now) for other in job_state.others),
    )


def _answered(job: Job, run: OpenRun, now: Instant) -> OpenRun:
    at = deadline(job, run)
    return run if at is None or at > now else msgspec.structs.replace(run, retry_at=at)


def next_answer(job: Job, job_state: JobState) -> Instant | None:
    """Return when the first of the runs that wait for approval gets its default answer; None if none does."""
    if job.approve is None or job.approve.by is None:
        return None
    run = job_state.open_run
    runs = job_state.others if run is None else (run, *job_state.others)
    found = (deadline(job, one) for one in runs)
    return min((at for at in found if at is not None), default=None)


def is_replaceable(job: Job, run: OpenRun) -> bool:
    """Return whether a newer slot takes the place of *run*, which waits for approval, and asks instead of it."""
    return is_asked(run) and job.catch_up != "all"


def lasts(job: Job, job_state: JobState) -> bool:
    """Return whether a waiting run holds back all that follows until a person decides, however long that takes."""
    run = job_state.open_run
    if run is None or not needs_decision(run):
        return any(needs_decision(other) and not is_asked(other) for other in job_state.others)
    return deadline(job, run) is None and not is_replaceable(job, run)
