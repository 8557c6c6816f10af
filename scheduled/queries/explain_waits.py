"""Sentences of `explain` about a job of which something is due: why it waits, or what starts."""

from scheduled.clock import stamp
from scheduled.core import approvals, deferrals, gate_words
from scheduled.core.holds import first_allowed, may_start, pauses_of, quiet
from scheduled.core.job_plan import JobPlan
from scheduled.core.jobs import Job
from scheduled.core.judgement import DEFERRED, is_not_now
from scheduled.core.keys import ALL_JOBS, JobKey
from scheduled.core.runs import FAILED, JobState, OpenRun
from scheduled.core.starts import Start, asks, is_for_event
from scheduled.queries import describe
from scheduled.queries.explain_boots import after_boot
from scheduled.queries.explain_slot import when
from scheduled.queries.next_run import next_start
from scheduled.queries.view import View
from scheduled.queries.windows import without_ticks
from scheduled.schedules.zones import Instant


def budget(view: View, name: str) -> str:
    """Return which limit the ticks before a run of the job *name* reach; "" if none can hold it back."""
    if name in view.with_sessions:
        return "the ticks before reach `max_sessions` of `[catch_up]`"
    return "the ticks before reach `max_runs` of `[catch_up]`" if view.config.max_runs is not None else ""


def attempts(job: Job, run: OpenRun) -> str:
    """Return for example `2 of 3`. Interrupted attempts may exceed `max_attempts`; the result is then `4 of 4`."""
    return f"{run.attempt} of {max(run.attempt, job.retry.max_attempts)}"


def waits_now(
    view: View, key: JobKey, job_state: JobState, plan: JobPlan, instant: Instant | None = None
) -> str:
    """Return why *key* does not start at the next tick, according to its *plan* at *instant* (default: now)."""
    job, run = view.config.jobs[key.job], job_state.open_run
    if plan.waits == "ask":
        run = run or next(other for other in job_state.others if other.retry_at is None)
    if plan.waits == "group":
        return f"It waits: {', '.join(view.holders(key)) or 'a job'} of its group {job.group!r} is running."
    if plan.waits == "ask" and run is not None:
        return waits_for_answer(view, run)
    if plan.waits == "paused":
        return f"It waits: {pauses_in_words(view, key)}."
    if plan.waits == "quiet" and job.not_between is not None:
        # A slot may come before: `next_due` is earlier then.
        end = quiet(job.not_between, job.zone, instant or view.now) or view.now
        return _waits_for_hours(view, key, run, end)
    if run is not None and run.retry_at is not None:
        return waits_for_retry(view, run, run.retry_at, plan.next_due)
    return _waits_for(view, job, job_state, plan)


def waits_for_answer(view: View, run: OpenRun) -> str:
    """Return that *run* waits for a person, with both answers and what happens without one."""
    answers = f"`scheduled approve {run.run_id}` runs it, `scheduled deny {run.run_id}` skips it"
    if not approvals.is_asked(run):
        return f"It waits for your decision: {run.run_id} was interrupted; {answers}."
    job = view.config.jobs[run.job]
    at, default = approvals.deadline(job, run), job.approve.default if job.approve is not None else ""
    then = (
        ""
        if at is None
        else f" until {when(at, view)}, when it {'starts' if default == 'approve' else 'is skipped'}"
    )
    return f"It waits for approval since {when(int(run.claimed_at), view)}{then}: {answers}."


def _waits_for_hours(view: View, key: JobKey, run: OpenRun | None, end: Instant) -> str:
    """Return that *key* waits until its quiet hours end, or its window begins, at *end*, and what happens then."""
    if missed := without_ticks(view, key):
        return f"It will not run: {missed}."
    job = view.config.jobs[key.job]
    what = "its window (`between`) begins at" if job.between else "its quiet hours last until"
    then = _given_up(view, job, run, end) or _replaced_then(view, run)
    return f"It waits: {what} {when(end, view)}{then}."


def _waits_for(view: View, job: Job, job_state: JobState, plan: JobPlan) -> str:
    if plan.waits == "start_delay":
        return after_boot(view, job, job_state)
    if plan.waits != "jitter" or plan.next_due is None:
        return f"It waits: {str(plan.waits).replace('_', ' ')}."
    slot, end = when(plan.next_due - job.delay, view), when(plan.next_due, view)
    then = _then(view, job_state.key, plan.next_due)
    return f"It waits: its `jitter` delays the slot of {slot} until {end}{then}."


def waits_for_retry(view: View, run: OpenRun, retry_at: Instant, due: Instant | None = None) -> str:
    """Return that *run* waits for its attempt at *retry_at*; *due* is when its job is next due."""
    job = view.config.jobs[run.job]
    following = f"the next attempt is due at {when(retry_at, view)}{_then(view, run.key, retry_at)}"
    if any((own.key, own.at) == (run.key, retry_at) for own in view.own_retries):
        at = (stamp(retry_at, view.zone) or "")[:19].replace("T", " ")
        following = f"the tick that is at work makes the next attempt at {at}"
    if job.catch_up != "all" and due is not None and due < retry_at:
        following = f"a newer slot is due at {when(due, view)}, before the next attempt, and replaces it"
    elif (newer := _newer(view, run, retry_at)) and (held := _then(view, run.key, retry_at)):
        following = (
            f"the next attempt is due at {when(retry_at, view)}{held}, until the newer slot of"
            f" {when(newer, view)} replaces it"
        )
    elif newer:
        following = (
            f"the next attempt would be due at {when(retry_at, view)}, but no tick comes before the newer"
            f" slot of {when(newer, view)}, which replaces it"
        )
    following = _given_up(view, job, run, retry_at).removeprefix("; ") or following
    if is_not_now(run.reason):
        return f"It waits: {run.run_id} ended with exit code 75 ({run.reason}); {following}."
    return f"It waits: attempt {attempts(job, run)} of {run.run_id} failed{_because(run)}; {following}."


def _newer(view: View, run: OpenRun, retry_at: Instant) -> Instant | None:
    """Return the slot that the tick starts which would make the retry of *run*, instead of it; None if it makes it."""
    found = next_start(view, run.key)
    if run.slot is None or found is None or found.start is None or found.start.claim.run_id == run.run_id:
        return None
    return found.start.claim.slot if found.tick + view.late >= retry_at else None


def _replaced_then(view: View, run: OpenRun | None) -> str:
    """Return that a newer slot replaces *run*, which waits for its retry, when it could start again; "" if none does."""
    newer = None if run is None or run.retry_at is None else _newer(view, run, run.retry_at)
    if run is None or newer is None:
        return ""
    return f"; then the newer slot of {when(newer, view)} replaces {run.run_id}, which waits for its next attempt"


def _given_up(view: View, job: Job, run: OpenRun | None, start: Instant) -> str:
    """Return that *run*, which answered "not now", is given up before a tick from *start* on starts it, if it is."""
    found = None if run is None else deferrals.expires(job, run)
    first = view.ticks_from(view.now).at_or_after(first_allowed(job, start)) + view.late
    if run is None or found is None or found[0] > first:
        return ""
    return f"; {run.run_id} is given up after {when(found[0] - 1, view)} ({DEFERRED}; {found[1]})"


def pauses_in_words(view: View, key: JobKey) -> str:
    """Return every pause in force for *key*; its own, that of its job and that of all jobs end independently."""
    pauses = []
    for paused_key, until in pauses_of(key, view.pauses).items():
        paused, names = "it is", f" {paused_key.display_name}"
        if paused_key == ALL_JOBS:
            paused, names = "all jobs are", ""
        elif paused_key != key:
            paused = "all its targets are"
        end = f"you resume with `scheduled resume{names}`" if until is None else when(until, view)
        pauses.append(f"{paused} paused until {end}")
    return ", and ".join(pauses)


def held_until(view: View, key: JobKey, due: Instant, start: Instant) -> str:
    """Return why a slot that is due at *due* cannot start before *start*: its quiet hours, or a pause."""
    job = view.config.jobs[key.job]
    window = job.not_between
    by_quiet = window is not None and may_start(job, key, due, {}) == start
    return describe.quiet_hours(job) if by_quiet else pauses_in_words(view, key)


def _then(view: View, key: JobKey, retry_at: Instant) -> str:
    """Return why an attempt due at *retry_at* will not start then: a pause or quiet hours; "" if it will."""
    start = may_start(view.config.jobs[key.job], key, retry_at, view.pauses)
    if start == retry_at:
        return ""
    why = pauses_in_words(view, key) if start is None else held_until(view, key, retry_at, start)
    return f" and will wait then: {why}"


def _because(run: OpenRun) -> str:
    return f" ({run.reason})" if run.reason else ""


def _left_over(view: View, key: JobKey, start: Start) -> str | None:
    """Return why the last tick left *start*, which is due, to the next one; None if it did not.

    If an attempt of its run has started, only a limit can have kept a tick from the next one.
    """
    job, row = view.config.jobs[key.job], view.rows.get(key)
    limit = _limit(view, start)
    reasons = {
        "budget": f"the last tick reached `{limit}` of `[catch_up]`; {_goes_on(view, key)}"
        if limit
        else "the last tick was stopped before it started its run; the next tick starts it",
        "queued": f"at the last tick no executor was available for its action ({job.action.kind})",
    }
    if job.only_if:
        found = view.without_answer.get(job.name, "was closed")
        reasons["gate"] = (
            f"at the last tick its gate {found} (it requires: {gate_words.required(job.only_if)})"
        )
    if job.after:
        reasons["after"] = f"it runs after {' and '.join(job.after)}"
    if start.again and not limit:
        del reasons["budget"]
    return None if row is None or row.open_reason is None else reasons.get(row.open_reason)


def _limit(view: View, start: Start) -> str:
    """Return the key of `[catch_up]` that can have kept a tick from *start*; "" if there is none."""
    if is_for_event(start):
        return "max_event_runs"
    if start.claim.job in view.with_sessions:
        return "max_sessions"
    if view.config.max_runs is not None:
        return "max_runs"
    return "max_minutes" if view.config.max_minutes is not None else ""


def _goes_on(view: View, key: JobKey) -> str:
    """Return when *key*, for which a tick had no budget left, runs."""
    found = next_start(view, key)
    if found is not None and found.tick + view.late > view.next_tick:
        return f"it will run at {when(found.tick, view)}"
    return "the next tick starts more runs"


def due_now(view: View, key: JobKey, job_state: JobState, start: Start) -> str:
    """Return what of *key* is due and starts at the next tick, or why it does not start then.

    *start* is what would start now; at the next tick it may be something else.
    """
    if left := _left_over(view, key, start):
        return f"It waits: {left}."
    found = next_start(view, key)
    if found is None or found.tick + view.late > view.next_tick:
        return _later(view, key, job_state, start, None if found is None else found.tick)
    if found.start is None:
        return _starts(view, start)
    return _starts(view, found.start, replaced=_replaced(job_state, found.start))


def _later(view: View, key: JobKey, job_state: JobState, start: Start, at: Instant | None) -> str:
    """Return why what is due does not start at the next tick, but only at *at*, or never."""
    job = view.config.jobs[key.job]
    plan = view.plan_at_next_tick(job, key)
    if plan is not None and plan.waits is not None:
        return waits_now(view, key, job_state, plan, view.next_tick)
    what = "a start request" if start.claim.slot is None else f"the slot of {when(start.claim.slot, view)}"
    then = "It will not run" if at is None else f"It will run at {when(at, view)}"
    if plan is not None and plan.skips and plan.start is None:
        return f"{then}: {what} is skipped at the next tick ({plan.skips[-1].reason})."
    if job.after:
        failed = _failed(view, job)
        if at is None and failed:
            return f"{then}: it runs after {failed}, which failed."
        return f"{'It waits' if at is None else then}: it runs after {' and '.join(job.after)}."
    if at is None:
        return _starts(view, start)
    why = f" ({budget(view, job.name)})" if budget(view, job.name) else ""
    return f"{then}: {what} waits until then{why}."


def _failed(view: View, job: Job) -> str:
    """Return the jobs that *job* comes after and of which the last run failed, in words."""
    failed = {key.job for key, state in view.job_states.items() if state.last_status in FAILED}
    return " and ".join(name for name in job.after if name in failed)


def _replaced(job_state: JobState, start: Start) -> str:
    """Return the id of the run that waits for its retry and that *start* replaces; "" if there is none."""
    run = job_state.open_run
    return run.run_id if run is not None and start.superseded is not None else ""


def _starts(view: View, start: Start, replaced: str = "") -> str:
    claim = start.claim
    if claim.slot is None and start.again:
        return f"It is due: attempt {claim.attempt} of {claim.run_id} starts at the next tick."
    if claim.slot is None:
        if view.at_work:
            return (
                "It is due: a start request waits until a run of the tick at work ends, or for the next tick."
            )
        return "It is due: a start request waits for the next tick."
    others = claim.slots - 1 - (start.superseded.slots if start.superseded is not None else 0)
    missed = (
        f" and covers {others} missed {'slot' if others == 1 else 'slots'} before it" if others > 0 else ""
    )
    again = f" (attempt {claim.attempt})" if start.again else ""
    instead = f"; it replaces {replaced}" if replaced else ""
    if asks(view.config.jobs[claim.job], start):
        return f"It is due: its slot of {when(claim.slot, view)} asks for approval at the next tick{missed}{instead}."
    return f"It is due: its slot of {when(claim.slot, view)} runs at the next tick{again}{missed}{instead}."
