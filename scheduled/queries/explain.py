"""`explain JOB`: why a job ran, did not run, or will run, as one sentence and the facts behind it.

The explanation uses the configuration and the ledger only. It takes no lock, evaluates no gate and changes nothing.
"""

from collections.abc import Sequence
from typing import Any

from scheduled.clock import stamp
from scheduled.core.epochs import base_of, open_slots_of, span_between
from scheduled.core.holds import is_too_late, may_start, pauses_of, quiet
from scheduled.core.jobs import Job, key_of
from scheduled.core.judgement import DEFERRED
from scheduled.core.keys import ALL_JOBS, JobKey, read_label
from scheduled.core.planner import JobPlan
from scheduled.core.records import CHAIN
from scheduled.core.runs import JobState, OpenRun
from scheduled.core.starts import Start
from scheduled.instance import Instance
from scheduled.queries import assumptions, describe
from scheduled.queries.explain_slot import explain_slot, run_document, when
from scheduled.queries.jobs import is_paused, schedule_in_words, written_schedule
from scheduled.queries.last_known import NOTHING_RUNS
from scheduled.queries.last_outcome import last_outcome
from scheduled.queries.next_run import next_run
from scheduled.queries.next_zone import follows_host
from scheduled.queries.view import View, open_view
from scheduled.schedules.durations import duration
from scheduled.schedules.instants import read
from scheduled.schedules.zones import Instant
from scheduled.state.ledger import History, Ledger

LAST = 5  # runs in `last_runs`
# Facts that the configuration has; null if it cannot be read.
OF_CONFIG = ("retries", "catch_up", "grace", "quiet", "quiet_until", "gate", "budget", "group", "held_by")


def explain(instance: Instance, job: str, at: str | None = None) -> dict[str, Any]:
    """Return why a job will or will not run, or, with *at*, the verdict of its last slot at or before *at*.

    *at* is an ISO 8601 text, in the configured zone if it names none. Raise ConfigError with the nearest name if there
    is no such job.
    """
    with open_view(instance) as (view, ledger):
        if at is None:
            return _explain_next(view, ledger, job)
        return explain_slot(view, ledger, job, read(at, view.zone))


def _explain_next(view: View, ledger: Ledger, name: str) -> dict[str, Any]:
    """Return what the next tick will do with a job, and why."""
    job = view.job(name)
    key = key_of(job)
    plan, job_state = view.job_plan(job, key), view.job_states.get(key)
    return {
        "job": name,
        "target": key.target or None,
        "last_outcome": last_outcome(view, ledger, key),
        "sentence": _now(view, ledger, job, job_state, plan),
        **_fields(view, ledger, job, job_state, plan),
    }


def sentence(view: View, ledger: Ledger, name: str) -> str:
    """Return the sentence of `explain` about the future of the job *name*."""
    job = view.job(name)
    key = key_of(job)
    return _now(view, ledger, job, view.job_states.get(key), view.job_plan(job, key))


def _now(view: View, ledger: Ledger, job: Job, job_state: JobState | None, plan: JobPlan | None) -> str:
    """Return the sentence about the future; a second one if it needs a tick and none comes."""
    if view.config.unreadable:
        return NOTHING_RUNS
    found = _future(view, ledger, job, job_state, plan)
    has_future = plan is not None and not (job_state and job_state.busy) and next_run(view, key_of(job))
    return found + assumptions.no_tick(view) if has_future else found


def _future(view: View, ledger: Ledger, job: Job, job_state: JobState | None, plan: JobPlan | None) -> str:
    if job_state is None or plan is None:
        if job.name in view.overridden:
            hint = f"enable it with `scheduled enable {job.name}`"
            return f"It will not run: it was disabled with `scheduled disable`; {hint}."
        return f"It will not run: it is disabled in {job.source}."
    if job_state.busy:
        return _running(view, ledger, job)
    if plan.waits is not None:
        return _waits(view, job, job_state, plan)
    if plan.start is not None:
        return _due(view, job, plan.start)
    retry = _next_retry(job_state, plan)
    return _later(view, job, plan) if retry is None else _waits_for_retry(view, job, *retry)


def _next_retry(job_state: JobState, plan: JobPlan) -> tuple[OpenRun, Instant] | None:
    """Return the run without a slot, and its retry, if this is what the job does next."""
    retries = ((run, run.retry_at) for run in job_state.others if run.retry_at is not None)
    return next((found for found in retries if found[1] == plan.next_due), None)


def _later(view: View, job: Job, plan: JobPlan) -> str:
    if plan.next_due is not None:
        return _upcoming(view, job, plan.next_due)
    if not job.is_by_time:
        return f"It runs {_unscheduled(view, job)}."
    return "It will not run again: its schedule has no more slots."


def _upcoming(view: View, job: Job, due: Instant) -> str:
    key = key_of(job)
    at, start = next_run(view, key), may_start(job, key, due, view.pauses)
    slot = f"the slot of {when(due - job.delay, view)}"
    if start is None:
        return f"It is next due at {when(due, view)} and will wait then: {_pauses(view, job)}."
    if at is None:
        return f"It will not run again: {slot} will be too late for its `grace`."
    if at == due:
        return f"It will run at {when(at, view)}."
    if start == due:
        return f"It will run at {when(at, view)}: the first tick after {slot}."
    delayed = _too_late(view, start) if is_too_late(job, due, at) else "waits until then"
    return f"It will run at {when(at, view)}: {slot} {delayed} ({_held(view, job, due, start)})."


def _too_late(view: View, start: Instant) -> str:
    return f"cannot start before {when(start, view)}, which is too late for its `grace`"


def _held(view: View, job: Job, due: Instant, start: Instant) -> str:
    """Return why a slot that is due at *due* cannot start before *start*: its quiet hours, or a pause."""
    window = job.not_between
    by_quiet = window is not None and may_start(job, key_of(job), due, {}) == start
    return (
        f"quiet hours: {describe.window(window)}" if window is not None and by_quiet else _pauses(view, job)
    )


def _unscheduled(view: View, job: Job) -> str:
    if job.on:
        return f"when the event {job.on} is published"
    if job.after:
        have = "has" if len(job.after) == 1 else "have"
        return f"when {' and '.join(job.after)} {have} succeeded"
    chains = view.config.jobs.with_step.get(job.name)
    return (
        f"as a step of {' and '.join(chains)}"
        if chains
        else f"only when you start it: `scheduled run {job.name}`"
    )


def _running(view: View, ledger: Ledger, job: Job) -> str:
    under_way = [run for run in ledger.open_runs() if run.status != "waiting_retry"]
    own = [run for run in under_way if run.key == key_of(job)]
    run = next((run for run in own if not _is_queued(run)), None)
    if run is None:
        return _queued(view, job, own[0].run_id, under_way)
    if run.tick == CHAIN and (waits := _chain_waits(view, ledger, run)):
        return f"It waits in{_step(view, run).partition(':')[0].removeprefix(',')}: {waits}"
    row = ledger.run(run.run_id)
    since = f", since {when(int(row.started_at), view)}" if row and row.started_at else ""
    return f"It is running: {run.run_id}{since}, attempt {_attempts(job, run)}{_step(view, run)}."


def _is_queued(run: OpenRun) -> bool:
    """Return whether a tick has claimed *run* and no process executes it yet. A chain has no process."""
    return run.status == "claimed" and run.tick != CHAIN


def _queued(view: View, job: Job, run_id: str, under_way: Sequence[OpenRun]) -> str:
    """Return why the claimed run *run_id* is not started yet; *under_way* are all runs of which one is claimed."""
    running, jobs = [run for run in under_way if run.status == "running"], view.config.jobs
    held = [run.job for run in running if job.group and run.job in jobs and jobs[run.job].group == job.group]
    if held:
        return f"It waits: {run_id} is claimed, and starts after {' and '.join(held)} of its group {job.group!r}."
    if sum(run.tick != CHAIN for run in running) >= view.config.max_parallel:
        most = f"at most {view.config.max_parallel} at once (`max_parallel`)"
        return f"It waits: {run_id} is claimed, and starts when another run ends: {most}."
    return f"It is about to start: {run_id} is claimed."


def _attempts(job: Job, run: OpenRun) -> str:
    """Return for example `2 of 3`. Interrupted attempts may exceed `max_attempts`; the result is then `4 of 4`."""
    return f"{run.attempt} of {max(run.attempt, job.retry.max_attempts)}"


def _step(view: View, run: OpenRun) -> str:
    """Return the current step of a chain and the jobs in it; an empty text for a run that is not a chain's."""
    steps = run.payload.get("steps")
    if run.tick != CHAIN or not steps:
        return ""
    at = run.payload["at"]
    keys = [read_label(label) for label in steps[at]]
    step = [f"{key.display_name} (paused)" if is_paused(view, key) else key.display_name for key in keys]
    return f", step {at + 1} of {len(steps)}: {' and '.join(step)}"


def _chain_waits(view: View, ledger: Ledger, chain: OpenRun) -> str:
    """Return for what the current step of *chain* waits; "" if a run of it is under way or about to start."""
    texts = [_step_waits(view, ledger, run) for run in ledger.open_runs() if run.parent == chain.run_id]
    rows = [row.key for row in view.holds.start_requests if row.parent == chain.run_id]
    texts += [_request_waits(view, ledger, key) for key in rows if key.job in view.config.jobs]
    return " ".join(texts) if all(texts) else ""


def _step_waits(view: View, ledger: Ledger, run: OpenRun) -> str:
    job = view.config.jobs.get(run.job)
    if run.tick == CHAIN:
        return _chain_waits(view, ledger, run)
    if job is None or run.status != "waiting_retry":
        return ""
    if not job.enabled:
        return _request_waits(view, ledger, run.key)
    if run.retry_at is None:
        return f"{run.key.display_name} waits for your decision: see `scheduled explain {run.job}`."
    text = _waits_for_retry(view, job, run, run.retry_at)
    return text.removeprefix("It waits: ")


def _request_waits(view: View, ledger: Ledger, key: JobKey) -> str:
    """Return why the job of a step does not start now; "" if it does."""
    job = view.config.jobs[key.job]
    if not job.enabled:
        return f"{key.display_name} is disabled; the next tick counts it as failed."
    state, plan = view.job_states.get(key), view.job_plan(job, key)
    waits = _future(view, ledger, job, state, plan) if plan is not None and plan.waits is not None else ""
    return f"{key.display_name} waits: {waits.removeprefix('It waits: ')}" if waits else ""


def _waits(view: View, job: Job, job_state: JobState, plan: JobPlan) -> str:
    run = job_state.open_run
    if plan.waits == "ask":
        run = run or next(other for other in job_state.others if other.retry_at is None)
    if plan.waits == "group":
        return f"It waits: {', '.join(view.holders(job)) or 'a job'} of its group {job.group!r} is running."
    if plan.waits == "ask" and run is not None:
        return (
            f"It waits for your decision: {run.run_id} was interrupted; run it again with"
            f" `scheduled rerun {run.run_id}`, or skip it with `scheduled skip {job.name}`."
        )
    if plan.waits == "paused":
        return f"It waits: {_pauses(view, job)}."
    if plan.waits == "quiet" and job.not_between is not None:
        end = quiet(job.not_between, job.zone, view.now)  # a slot may come before: `next_due` is earlier then
        return f"It waits: its quiet hours last until {when(end or view.now, view)}."
    if run is not None and run.retry_at is not None:
        return _waits_for_retry(view, job, run, run.retry_at, plan.next_due)
    return f"It waits: {str(plan.waits).replace('_', ' ')}."


def _waits_for_retry(
    view: View, job: Job, run: OpenRun, retry_at: Instant, due: Instant | None = None
) -> str:
    following = f"the next attempt is due at {when(retry_at, view)}"
    if any((own.key, own.at) == (run.key, retry_at) for own in view.own_retries):
        at = (stamp(retry_at, view.zone) or "")[:19].replace("T", " ")
        following = f"the tick that is at work makes the next attempt at {at}"
    if job.catch_up != "all" and due is not None and due < retry_at:
        following = f"a newer slot is due at {when(due, view)}, before the next attempt, and replaces it"
    if run.reason == DEFERRED:
        return f"It waits: {run.run_id} ended with exit code 75 ({run.reason}); {following}."
    return f"It waits: attempt {_attempts(job, run)} of {run.run_id} failed{_because(run)}; {following}."


def _pauses(view: View, job: Job) -> str:
    """Return every pause in force for *job*; its own and that of all jobs end independently."""
    pauses = []
    for key, until in pauses_of(key_of(job), view.pauses).items():
        paused, names = ("all jobs are", "") if key == ALL_JOBS else ("it is", f" {job.name}")
        end = f"you resume with `scheduled resume{names}`" if until is None else when(until, view)
        pauses.append(f"{paused} paused until {end}")
    return ", and ".join(pauses)


def _because(run: OpenRun) -> str:
    return f" ({run.reason})" if run.reason else ""


def _left_over(view: View, job: Job, *, has_started: bool) -> str | None:
    """Return why the last tick left a due slot to the next one; None if it did not.

    *has_started*: an attempt of its run has started, so that only a limit can have kept a tick from the next one.
    """
    row = view.rows.get(key_of(job))
    limited = view.config.max_runs is not None or view.config.max_minutes is not None
    limit = "max_runs" if view.config.max_runs is not None else "max_minutes"
    reasons = {
        "budget": f"the last tick reached `{limit}` of `[catch_up]`; the next tick starts more runs"
        if limited
        else "the last tick was stopped before it started its run; the next tick starts it",
        "queued": f"at the last tick no executor was available for its action ({job.action.kind})",
    }
    if job.only_if:
        reasons["gate"] = f"at the last tick its gate was closed (it requires: {describe.gate(job.only_if)})"
    if job.after:
        reasons["after"] = f"it runs after {' and '.join(job.after)}"
    if has_started and not limited:
        del reasons["budget"]
    return None if row is None or row.open_reason is None else reasons.get(row.open_reason)


def _due(view: View, job: Job, start: Start) -> str:
    claim = start.claim
    if left := _left_over(view, job, has_started=start.again):
        return f"It waits: {left}."
    if claim.slot is None and start.again:
        return f"It is due: attempt {claim.attempt} of {claim.run_id} starts at the next tick."
    if claim.slot is None:
        return "It is due: a start request waits for the next tick."
    others = claim.slots - 1
    missed = (
        f" and covers {others} missed {'slot' if others == 1 else 'slots'} before it" if others > 0 else ""
    )
    again = f" (attempt {claim.attempt})" if start.again else ""
    return f"It is due: its slot of {when(claim.slot, view)} runs at the next tick{again}{missed}."


def _fields(
    view: View, ledger: History, job: Job, job_state: JobState | None, plan: JobPlan | None
) -> dict[str, Any]:
    zone, row = view.zone, view.rows.get(key_of(job))
    run = job_state.open_run if job_state else None
    due = _open_slots(view, job, job_state, plan)
    in_force = pauses_of(key_of(job), view.pauses)
    pauses = {key.display_name or "all": stamp(until, zone) for key, until in in_force.items()}
    quiet_until = quiet(job.not_between, job.zone, view.now) if job.not_between else None
    upcoming = open_slots_of(job_state).next_after(view.now) if job_state else None
    found = {
        "schedule": written_schedule(view, job),
        "schedule_words": schedule_in_words(view, job),
        "zone": job.zone,
        "enabled": job.enabled,
        "source": job.source,
        "epoch": stamp(_began(view, job_state) if job_state else None, zone),
        "position": stamp(job_state.position if job_state else None, zone),
        "open_slots": due[1],
        "slot": stamp(due[0], zone),
        "open_reason": _open_reason(view, job, plan, has_open_slots=due[1] > 0),
        "run": run.run_id if run else None,
        "attempts": _attempts(job, run) if run else None,
        "retry_at": stamp(run.retry_at if run else None, zone),
        "retries": describe.retry(job),
        "catch_up": job.catch_up,
        "grace": duration(job.grace) if job.grace is not None else None,
        "paused": pauses or None,
        "quiet": describe.window(job.not_between) if job.not_between else None,
        "quiet_until": stamp(quiet_until, zone),
        "gate": describe.gate(job.only_if) if job.only_if else None,
        "budget": view.config.max_runs,
        "group": job.group or None,
        "held_by": view.holders(job) or None,
        "window_start": stamp(row.window_start if row else None, zone),
        "last_runs": [run_document(found, zone) for found in ledger.history(job=job.name, limit=LAST)],
        "next_slot": stamp(upcoming, zone),
        "next_due": stamp(plan.next_due if plan else None, zone),
        "next_run": stamp(next_run(view, key_of(job)), zone),
        "ticks": assumptions.ticks(view),
        "timezone": next(iter(assumptions.zone(view.next_zone)), None)
        if follows_host(view.config, job.name)
        else None,
        **assumptions.of_run(view, key_of(job)),
    }
    return found | dict.fromkeys(OF_CONFIG) if view.config.unreadable else found


def _began(view: View, job_state: JobState) -> Instant:
    """Return when the schedules took effect; while the zone of the host changes, those that the last tick read."""
    before = view.zone_change.states.get(job_state.key) if view.zone_change is not None else None
    return job_state.epoch if before is None else before.epoch


def _open_reason(view: View, job: Job, plan: JobPlan | None, *, has_open_slots: bool) -> str | None:
    waits = plan.waits if plan else None
    if waits == "running":  # or only claimed: `group` or `queued`
        return view.claimed_reason(key_of(job)) or waits
    return waits or (view.open_reason(key_of(job)) if has_open_slots else None)


def _open_slots(
    view: View, job: Job, job_state: JobState | None, plan: JobPlan | None
) -> tuple[Instant | None, int]:
    """Return the due slot without a verdict that has its turn next, and the number of such slots."""
    if job_state is None:
        return None, 0
    times = open_slots_of(job_state)
    span = span_between(times, base_of(job_state), view.now - job.delay)
    own = job_state.open_run.slot if job_state.open_run else None
    first = own if own is not None else span.first if span else None
    newest = span.last if span else own
    starts = plan.start.claim.slot if plan is not None and plan.start is not None else None
    slot = starts or (first if job.catch_up == "all" else newest)
    return slot, (span.count if span else 0) + (own is not None)
