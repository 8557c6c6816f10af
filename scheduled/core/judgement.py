"""Decide from the result of an attempt whether its run has ended or is retried."""

import msgspec

from scheduled.core.epochs import slots_of
from scheduled.core.holds import first_allowed
from scheduled.core.jobs import Job
from scheduled.core.no_catch_up import SUPERSEDED
from scheduled.core.runs import FAILED, AttemptResult, OpenRun, RunStatus, Verdict
from scheduled.schedules.zones import DAY, MINUTE, Instant

# After this many interruptions a run has failed: a job that kills its supervisor must not be retried for
# ever.
MAX_INTERRUPTIONS = 3
DEFERRAL = 5 * MINUTE
DEFERRED = "not now"
STOPPED = "stopped"  # by hand, with `stop`
REPLACED = "stopped for a newer slot"
UNTIL_NEXT_SLOT = "it was deferred until its next slot"
BY_HAND = "by hand"  # with `skip`

BY_NEWER = "superseded by "
OF_POST = "; post: "  # before what `post` adds to the reason of an attempt

# The status of a run by the status of its last attempt; for all others it is `failed`.
FINAL: dict[str, RunStatus] = {"timed_out": "timed_out", "interrupted": "interrupted"}


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
    if (
        run.stop_requested or run.replaced or attempt_result.status == "stopped"
    ):  # a chain ends like its steps
        return _judge_stopped(job, run, now)
    if attempt_result.status == "interrupted":
        return _judge_interrupted(job, run, attempt_result, now)
    if attempt_result.status == "deferred":
        return _judge_deferred(job, run, attempt_result, now)
    attempts = run.attempt - run.deferrals
    if job is not None and not _is_outside_schedule(run) and _is_retried(job, attempts, attempt_result):
        retry_at = now + job.retry.pause_after(attempts, run.run_id)
        return Judgement(
            status="waiting_retry", verdict=None, retry_at=retry_at, reason=attempt_result.reason
        )
    return Judgement(status=_final(attempt_result), verdict="failed", reason=attempt_result.reason)


def judge_superseded(run: OpenRun, by: str, *, coalesced: bool) -> Judgement:
    """Return the new state of *run*, which waits for a retry, when the run *by* of a newer slot replaces it.

    It has failed if an attempt of it was made; an attempt that ended with "not now" does not count. Its slot is
    *coalesced* into *by*, or shares the fate of the run. The reason has that of the last attempt too, if one failed. A run that was stopped for the newer slot has not failed.
    """
    if run.replaced:
        verdict: Verdict = "coalesced" if coalesced else "skipped"
        return Judgement(status="stopped", verdict=verdict, reason=f"replaced by {by}")
    tried = run.attempt > run.deferrals
    reason = f"{BY_NEWER}{by}{_of_last_attempt(run) if tried else ''}"
    if coalesced:
        return Judgement(status="failed" if tried else "skipped", verdict="coalesced", reason=reason)
    if tried:
        return Judgement(status="failed", verdict="failed", reason=reason)
    return Judgement(status="skipped", verdict="skipped", reason=SUPERSEDED)


def without_newer(reason: str) -> str:
    """Return the *reason* of a failed run without the id of the run that superseded it, if one did."""
    return reason.partition(": ")[2] if reason.startswith(BY_NEWER) else reason


def _of_last_attempt(run: OpenRun) -> str:
    """Return the reason of the last attempt of *run*, after a colon; nothing if it has none or ended with "not now"."""
    if run.retry_at is None and run.interrupted:
        return ": interrupted"  # its reason asks for a decision that is not needed any more
    return f": {run.reason}" if run.reason and not is_not_now(run.reason) else ""


def decides_health(status: str | None) -> bool:
    """Return whether a run that ended with *status* decides if its job is healthy: a skipped run had not to succeed."""
    return status == "success" or status in FAILED


def is_not_now(reason: str | None) -> bool:
    """Return whether the last attempt of a run that has *reason* ended with "not now", also if its `post` failed."""
    return without_post(reason or "") == DEFERRED


def without_post(reason: str) -> str:
    """Return the *reason* of a run without what its `post` added."""
    return reason.partition(OF_POST)[0]


def with_post(reason: str, of_attempt: str) -> str:
    """Return the *reason* of a run, with what `post` added to that *of_attempt*, its last one."""
    _, joint, of_post = of_attempt.partition(OF_POST)
    return f"{reason}{joint}{of_post}" if joint and joint not in reason else reason


def _is_retried(job: Job, attempts: int, result: AttemptResult) -> bool:
    return attempts < job.retry.max_attempts and job.retry.covers(
        result.status, result.failure_class, result.exit_code
    )


def _is_outside_schedule(run: OpenRun) -> bool:
    """Return whether *run* is a manual run without a slot: no slot needs a verdict, so it is not retried."""
    return run.trigger == "manual" and run.slot is None


def _final(attempt_result: AttemptResult) -> RunStatus:
    return FINAL.get(attempt_result.status, "failed")


def _judge_stopped(job: Job | None, run: OpenRun, now: Instant) -> Judgement:
    """Return the new state of a stopped *run*: if a newer slot replaces it, it waits until the run of that is claimed."""
    if run.replaced and job is not None:
        return Judgement(status="waiting_retry", verdict=None, retry_at=now, reason=REPLACED)
    return Judgement(status="skipped", verdict="skipped", reason=STOPPED)


def _judge_interrupted(
    job: Job | None, run: OpenRun, attempt_result: AttemptResult, now: Instant
) -> Judgement:
    if job is None or _is_outside_schedule(run):
        return Judgement(status="interrupted", verdict="failed", reason=attempt_result.reason)
    if job.on_interrupted == "skip":
        return Judgement(status="skipped", verdict="skipped", reason="interrupted")
    if job.on_interrupted == "ask":
        return Judgement(
            status="waiting_retry",
            verdict=None,
            reason=f"interrupted: `scheduled rerun {run.run_id}` or `scheduled skip {run.key.display_name}` decides",
        )
    if run.interruptions + 1 >= MAX_INTERRUPTIONS:
        reason = f"interrupted {run.interruptions + 1} times; given up"
        return Judgement(status="interrupted", verdict="failed", reason=reason)
    return Judgement(status="waiting_retry", verdict=None, retry_at=now, reason=attempt_result.reason)


def _judge_deferred(job: Job | None, run: OpenRun, attempt_result: AttemptResult, now: Instant) -> Judgement:
    """Return the new state of *run* after exit code 75 (EX_TEMPFAIL), "not now", which is no failure.

    The run is retried until `deferral_ends`.
    """
    if job is None or _is_outside_schedule(run):
        return Judgement(status="skipped", verdict="skipped", reason=DEFERRED)
    began = run.first_started_at if run.first_started_at is not None else attempt_result.started_at
    ends, why = deferral_ends(job, run.slot, int(began))
    if now > ends:
        return Judgement(status="skipped", verdict="skipped", reason=f"{DEFERRED}; {why}")
    return Judgement(status="waiting_retry", verdict=None, retry_at=now + DEFERRAL, reason=DEFERRED)


def deferral_ends(job: Job, slot: Instant | None, began: Instant) -> tuple[Instant, str]:
    """Return until when a run may defer itself, and the reason why it may not any more.

    The time counts from the moment when *slot* could first run, or from *began* for a run without a slot. The bound is
    the gate's deadline, else the grace, else one period; a run without a next slot has a day.
    """
    first = first_allowed(job, began if slot is None else slot + job.delay)
    if job.gate_deadline is not None:
        return first + job.gate_deadline, "its `gate_deadline` has passed"
    if job.grace is not None:
        return first + job.grace, "its `grace` has passed"
    upcoming = None if slot is None else slots_of(job.schedules, slot).next_after(slot)
    if slot is None or upcoming is None:
        return first + DAY, "it was deferred for a day"
    return first + upcoming - slot, UNTIL_NEXT_SLOT
