"""How an attempt ended -> what becomes of its run. Pure."""

import msgspec

from scheduled.core.jobs import Job
from scheduled.core.runs import AttemptResult, OpenRun, RunStatus, Verdict
from scheduled.schedules.zones import MINUTE, Instant

# A job that keeps taking its runner down is given up after this many interruptions, not retried for ever.
MAX_INTERRUPTIONS = 3
DEFERRAL = 5 * MINUTE
DEFERRED = "not now"


class Judgement(msgspec.Struct, frozen=True, kw_only=True):
    """What an attempt's end makes of its run: a *verdict* for its slot, or another attempt at *retry_at*."""

    status: RunStatus
    verdict: Verdict | None
    retry_at: Instant | None = None
    reason: str = ""


def judge(job: Job | None, run: OpenRun, ending: AttemptResult, now: Instant) -> Judgement:
    """Given how an attempt ended, return what becomes of its run; *job* is None if it is configured no more."""
    if job is not None and not job.enabled:
        job = None  # its epoch is over: no tick would take up a retry
    if ending.status in ("success", "skipped"):
        return Judgement(status=ending.status, verdict=ending.status, reason=ending.reason)
    if run.stop_requested:
        return Judgement(status="failed", verdict="failed", reason="stopped by hand")
    if ending.status == "interrupted":
        return _judge_interrupted(job, run, ending, now)
    if ending.status == "deferred":
        return _judge_deferred(job, run, now)
    attempts = run.attempt - run.deferrals
    if job is not None and not _beside(run) and attempts < job.retry.max_attempts:
        retry_at = now + job.retry.pause_after(attempts, run.run_id)
        return Judgement(status="waiting_retry", verdict=None, retry_at=retry_at, reason=ending.reason)
    return Judgement(status=_final(ending), verdict="failed", reason=ending.reason)


def _beside(run: OpenRun) -> bool:
    """Tell whether somebody asked for *run* beside the schedule: then there is no slot that must be seen through."""
    return run.trigger == "manual" and run.slot is None


def _final(ending: AttemptResult) -> RunStatus:
    return "failed" if ending.status == "deferred" else ending.status


def _judge_interrupted(job: Job | None, run: OpenRun, ending: AttemptResult, now: Instant) -> Judgement:
    if job is None or _beside(run):
        return Judgement(status="interrupted", verdict="failed", reason=ending.reason)
    if job.on_interrupted == "skip":
        return Judgement(status="interrupted", verdict="skipped", reason="interrupted")
    if job.on_interrupted == "ask":
        return Judgement(status="waiting_retry", verdict=None, reason="interrupted: rerun or skip it")
    if run.interruptions + 1 >= MAX_INTERRUPTIONS:
        reason = f"interrupted {run.interruptions + 1} times; parked"
        return Judgement(status="interrupted", verdict="failed", reason=reason)
    return Judgement(status="waiting_retry", verdict=None, retry_at=now, reason=ending.reason)


def _judge_deferred(job: Job | None, run: OpenRun, now: Instant) -> Judgement:
    """Take exit code 75 (EX_TEMPFAIL) for "not now": tried again until the gate's deadline, and no failure."""
    if job is None or _beside(run):
        return Judgement(status="skipped", verdict="skipped", reason=DEFERRED)
    due = None if run.slot is None else run.slot + job.delay
    if job.gate_deadline is not None and due is not None and now > due + job.gate_deadline:
        return Judgement(status="skipped", verdict="skipped", reason=f"{DEFERRED}, until its deadline")
    return Judgement(status="waiting_retry", verdict=None, retry_at=now + DEFERRAL, reason=DEFERRED)
