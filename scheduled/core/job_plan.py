"""The plan of one job or target: a start, a reason to wait, or the instant when something is due next."""

import msgspec

from scheduled.core import approvals
from scheduled.core.catch_up import Due, due_slots
from scheduled.core.deferrals import next_expiry
from scheduled.core.epochs import base_of, open_slots_of, span_between
from scheduled.core.holds import Holds, delayed_until, gate_checks, hold, is_refused, pauses_of
from scheduled.core.jobs import Job
from scheduled.core.judgement import is_not_now
from scheduled.core.keys import JobKey
from scheduled.core.runs import JobState, OpenReason, OpenRun, Skip
from scheduled.core.starts import Start, again, caught_up, requested
from scheduled.schedules.timetable import Timetable
from scheduled.schedules.zones import Instant


class JobPlan(msgspec.Struct, frozen=True, kw_only=True):
    """The plan of one job or target: a start, or a reason to wait, or nothing due until *next_due*."""

    start: Start | None = None
    skips: tuple[Skip, ...] = ()
    waits: OpenReason | None = None
    next_due: Instant | None = None


def plan_job(
    job: Job,
    job_state: JobState,
    now: Instant,
    *,
    until: Instant | None = None,
    held: bool = False,
    holds: Holds = Holds(),  # noqa: B008 - immutable
) -> JobPlan:
    """Return the plan of one job or target. *held*: another job of its group is running."""
    if job.approve is None:
        return _plan_job(job, job_state, now, until=until, held=held, holds=holds)
    job_state = approvals.answered(job, job_state, now)
    found = _plan_job(job, job_state, now, until=until, held=held, holds=holds)
    return _asking(found, job, job_state, now, holds)


def _plan_job(
    job: Job,
    job_state: JobState,
    now: Instant,
    *,
    until: Instant | None,
    held: bool,
    holds: Holds,
) -> JobPlan:
    times, base, run = open_slots_of(job_state), base_of(job_state), job_state.open_run
    latest = now - job.delay
    until = latest if until is None else until - job.delay
    open_slots = due_slots(job, job_state, times, base, until, now, holds)
    # Slots after a run that waits for a retry stay open, unless a gate skips them: `given_up` may change until it ends.
    skips = open_slots.given_up if run is None or is_refused(job, job_state.key, now, holds) else ()
    base = skips[-1].span.last if skips else base
    due, newest = open_slots.slot, times.last_until(until)
    requested = _requested(job_state, holds, now)
    if job_state.busy or (held and (due is not None or run is not None or requested is not None)):
        return _busy(job, job_state, due, skips, now, held=held, holds=holds)
    if requested is not None and not holds.starts_slots(job.name):
        found = JobPlan(start=requested, next_due=now)
    elif run is not None and run.retry_at is None and not _is_replaced(job, run, open_slots):
        return JobPlan(waits="ask", next_due=_upcoming(job, times, now, base))
    elif run is not None and run.replaced and due is None and span_between(times, base, latest) is not None:
        return JobPlan(waits="queued", next_due=now)  # another tick starts the run that takes its place
    else:
        found = _first_in_line(job, job_state, times, base, open_slots, requested, now)
    if skips:
        found = msgspec.structs.replace(found, skips=skips)
    if found.start is None and not _is_paused_retry(found, run, job_state.key, holds):
        return found
    if found.start is not None and found.start.superseded is not None and not found.start.coalesces:
        found = msgspec.structs.replace(
            found, start=msgspec.structs.replace(found.start, skips=open_slots.given_up)
        )
    last_seen = max(latest, holds.seen - job.delay)
    newest = newest if until == last_seen else times.last_until(last_seen)
    held_back = hold(job, job_state.key, now, holds)
    if held_back is not None:
        reason, ends = held_back[0], _until(job, job_state, times.next_after(base), held_back, holds, now)
        # With `catch_up = "none"` a tick has to see each slot in time, also while older ones are held back.
        next_slot = _upcoming(job, times, now, base) if job.catch_up == "none" else None
        return JobPlan(waits=reason, next_due=_earliest(ends, next_slot), skips=found.skips)
    if job.start_delay:
        found = _after_boot(found, job, _upcoming(job, times, now, base), now, holds)
    return _leading(found, newest, base)


def _is_replaced(job: Job, run: OpenRun, open_slots: Due) -> bool:
    """Return whether a newer slot that is due asks instead of *run*, which waits for approval."""
    return approvals.is_replaceable(job, run) and open_slots.slot is not None and not open_slots.in_order


def _asking(found: JobPlan, job: Job, job_state: JobState, now: Instant, holds: Holds) -> JobPlan:
    """Return the plan *found* of a job with `approve`, with the reason and the end of its wait for an answer.

    A newer slot that is held back does not ask yet. During a pause no default answer decides.
    """
    run = job_state.open_run
    asks = run is not None and approvals.is_asked(run) and found.start is None
    if found.waits is None or not (found.waits == "ask" or asks):
        return found
    answer = approvals.next_answer(job, job_state)
    if answer is not None and answer <= now:
        paused = hold(job, job_state.key, now, holds)
        answer = paused[1] if paused is not None and paused[0] == "paused" else now
    return msgspec.structs.replace(found, waits="ask", next_due=_earliest(found.next_due, answer))


def _busy(
    job: Job,
    job_state: JobState,
    due: Instant | None,
    skips: tuple[Skip, ...],
    now: Instant,
    *,
    held: bool,
    holds: Holds,
) -> JobPlan:
    """Return the plan of a job that is running, or of which the group is. A slot that may start now may stop the run.

    One that would only ask for approval does not.
    """
    if not job_state.busy:
        return JobPlan(waits="group", next_due=now, skips=skips)
    replaces = job.overlap == "replace" and job.approve is None
    if replaces and due is not None and not held and holds.starts_slots(job.name):
        from scheduled.core import overlap  # only for jobs with this key

        start = overlap.replacing(job, job_state, due)
        if start is not None and hold(job, job_state.key, now, holds) is None:
            return JobPlan(start=start, next_due=now)
    return JobPlan(waits="queued" if due is not None else None, next_due=now)


def _after_boot(found: JobPlan, job: Job, upcoming: Instant | None, now: Instant, holds: Holds) -> JobPlan:
    """Return the plan *found* of a job with a `start_delay`, which may hold its start back; *upcoming* is its next slot."""
    if found.start is None:
        return found
    claim = found.start.claim
    until = delayed_until(job, claim.slot, claim.event, holds)
    if until > now:
        return JobPlan(waits="start_delay", next_due=_earliest(until, upcoming), skips=found.skips)
    return msgspec.structs.replace(found, start=msgspec.structs.replace(found.start, not_before=until))


def _is_paused_retry(found: JobPlan, run: OpenRun | None, key: JobKey, holds: Holds) -> bool:
    """Return whether *run* waits for a retry, and a pause lasts longer: then the pause is why it waits."""
    if found.waits not in ("waiting_retry", "deferred") or run is None or run.retry_at is None:
        return False
    return any(until is None or until > run.retry_at for until in pauses_of(key, holds.pauses).values())


def _until(
    job: Job,
    job_state: JobState,
    oldest: Instant | None,
    held_back: tuple[OpenReason, Instant | None],
    holds: Holds,
    now: Instant,
) -> Instant | None:
    """Return when a job that is *held_back* is due again: its hold ends, or a deadline passes; *oldest* is its slot."""
    reason, ends = held_back
    if reason == "paused":
        return ends
    row = holds.oldest_start_request(job_state.key)
    checks = gate_checks(job, oldest, row, now) if reason == "quiet" else ()
    return _earliest(ends, next_expiry(job, job_state), *checks)


def _first_in_line(
    job: Job,
    job_state: JobState,
    times: Timetable,
    base: Instant,
    due: Due,
    requested: Start | None,
    now: Instant,
) -> JobPlan:
    """Return the plan for the first that exists: the open run (unless *due* replaces it), *due*, *requested*."""
    run = job_state.open_run
    if run is not None and (due.slot is None or (due.in_order and not run.replaced)):
        return _retry(run, job, job_state, times, now, base)
    if due.slot is not None:
        start = caught_up(job, job_state, times, base, due.slot, due.during)
        return JobPlan(start=start, next_due=now)
    if requested is not None:
        return JobPlan(start=requested, next_due=now)
    return _nothing_due(job, job_state, times, base, now)


def _nothing_due(job: Job, job_state: JobState, times: Timetable, base: Instant, now: Instant) -> JobPlan:
    """Return the plan of a job of which nothing is due: its slots in jitter, and its runs without a slot."""
    retries = [*(other.retry_at for other in job_state.others), next_expiry(job, job_state)]
    upcoming = _upcoming(job, times, now, base)
    waits: OpenReason | None = "jitter" if upcoming is not None and upcoming - job.delay <= now else None
    if any(other.retry_at is None for other in job_state.others):
        waits = "ask"
    return JobPlan(waits=waits, next_due=_earliest(upcoming, *retries))


def _leading(found: JobPlan, newest: Instant | None, base: Instant) -> JobPlan:
    """Set *leads* on the start if later slots, up to *newest*, are due and must wait for its end.

    For a run without a slot these are all slots after *base*.
    """
    start = found.start
    if start is None or newest is None or newest <= (base if start.claim.slot is None else start.claim.slot):
        return found
    return msgspec.structs.replace(found, start=msgspec.structs.replace(start, leads=True))


def _requested(job_state: JobState, holds: Holds, now: Instant) -> Start | None:
    """Return the start for a due retry of a run without a slot, or for the oldest start request."""
    for run in job_state.others:
        if run.retry_at is not None and run.retry_at <= now:
            return again(run)
    row = holds.oldest_start_request(job_state.key)
    return None if row is None else requested(row, job_state.window_start)


def _upcoming(job: Job, times: Timetable, now: Instant, base: Instant) -> Instant | None:
    slot = times.next_after(max(now - job.delay, base))
    return None if slot is None else slot + job.delay


def _earliest(*instants: Instant | None) -> Instant | None:
    return min((instant for instant in instants if instant is not None), default=None)


def _retry(
    run: OpenRun, job: Job, job_state: JobState, times: Timetable, now: Instant, base: Instant
) -> JobPlan:
    if run.retry_at is not None and run.retry_at > now:
        # also a slot in its jitter, which replaces the run
        others = (_upcoming(job, times, now, base), next_expiry(job, job_state))
        waits: OpenReason = "deferred" if is_not_now(run.reason) else "waiting_retry"
        return JobPlan(waits=waits, next_due=_earliest(run.retry_at, *others))
    return JobPlan(start=again(run), next_due=now)


def until_next(job: Job, job_state: JobState, now: Instant) -> Instant:
    """Return the instant before *job*, of which a run has just ended, is next due; *now* if that is later."""
    following = open_slots_of(job_state).next_after(base_of(job_state))
    return now if following is None else min(now, following + job.delay - 1)
