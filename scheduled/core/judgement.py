"""Decide from the result of an attempt whether its run has ended or is retried."""

import msgspec

from scheduled.core.jobs import Job
from scheduled.core.runs import AttemptResult, OpenRun, RunStatus, Verdict
from scheduled.schedules.zones import MINUTE, Instant

# After this many interruptions a run has failed: a job that kills its supervisor must not be retried for
# ever.
MAX_INTERRUPTIONS = 3
DEFERRAL = 5 * MINUTE
DEFERRED = "not now"


class Judgement(msgspec.Struct, frozen=True, kw_only=True):
    """The new state of a run: a *verdict* for its slot, or another attempt at *retry_at*.

    If both are None, the user has to decide.
    """

    status: RunStatus
    verdict: Verdict | None
    retry_at: Instant | None = None
    reason: str = ""


def judge(job: Job | None, run: OpenRun, attempt_result: AttemptResult, now: Instant) -> Judgement:
    """Return the new state of *run* after the result of its attempt.

    *job* is None if it is no longer configured.
    """
    if job is not None and not job.enabled:
        job = None  # its epoch has ended: no tick would start a retry
    if attempt_result.status in ("success", "skipped"):
        return Judgement(
            status=attempt_result.status, verdict=attempt_result.status, reason=attempt_result.reason
        )
    if run.stop_requested:
        return Judgement(status="failed", verdict="failed", reason="stopped by hand")
    if attempt_result.status == "interrupted":
        return _judge_interrupted(job, run, attempt_result, now)
    if attempt_result.status == "deferred":
        return _judge_deferred(job, run, now)
    attempts = run.attempt - run.deferrals
    if job is not None and not _is_outside_schedule(run) and _is_retried(job, attempts, attempt_result):
        retry_at = now + job.retry.pause_after(attempts, run.run_id)
        return Judgement(
            status="waiting_retry", verdict=None, retry_at=retry_at, reason=attempt_result.reason
        )
    return Judgement(status=_final(attempt_result), verdict="failed", reason=attempt_result.reason)


def _is_retried(job: Job, attempts: int, result: AttemptResult) -> bool:
    return attempts < job.retry.max_attempts and job.retry.covers(
        result.status, result.failure_class, result.exit_code
    )


def _is_outside_schedule(run: OpenRun) -> bool:
    """Return whether *run* is a manual run without a slot: no slot needs a verdict, so it is not retried."""
    return run.trigger == "manual" and run.slot is None


def _final(attempt_result: AttemptResult) -> RunStatus:
    return "failed" if attempt_result.status == "deferred" else attempt_result.status


def _judge_interrupted(
    job: Job | None, run: OpenRun, attempt_result: AttemptResult, now: Instant
) -> Judgement:
    if job is None or _is_outside_schedule(run):
        return Judgement(status="interrupted", verdict="failed", reason=attempt_result.reason)
    if job.on_interrupted == "skip":
        return Judgement(status="interrupted", verdict="skipped", reason="interrupted")
    if job.on_interrupted == "ask":
        return Judgement(
            status="waiting_retry",
            verdict=None,
            reason="interrupted: use `scheduled rerun` or `scheduled skip`",
        )
    if run.interruptions + 1 >= MAX_INTERRUPTIONS:
        reason = f"interrupted {run.interruptions + 1} times; given up"
        return Judgement(status="interrupted", verdict="failed", reason=reason)
    return Judgement(status="waiting_retry", verdict=None, retry_at=now, reason=attempt_result.reason)


def _judge_deferred(job: Job | None, run: OpenRun, now: Instant) -> Judgement:
    """Return the new state of *run* after exit code 75 (EX_TEMPFAIL), "not now", which is no failure.

    The run is retried until the gate's deadline.
    """
    if job is None or _is_outside_schedule(run):
        return Judgement(status="skipped", verdict="skipped", reason=DEFERRED)
    due = None if run.slot is None else run.slot + job.delay
    if job.gate_deadline is not None and due is not None and now > due + job.gate_deadline:
        return Judgement(
            status="skipped", verdict="skipped", reason=f"{DEFERRED}; `gate_deadline` has passed"
        )
    return Judgement(status="waiting_retry", verdict=None, retry_at=now + DEFERRAL, reason=DEFERRED)
