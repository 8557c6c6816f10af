"""The sentence of `explain` about the future of a job."""

from collections.abc import Sequence

from scheduled.core.epochs import slots_of
from scheduled.core.holds import first_allowed, is_too_late, may_start
from scheduled.core.job_plan import JobPlan
from scheduled.core.jobs import Job
from scheduled.core.keys import JobKey, read_label
from scheduled.core.records import CHAIN
from scheduled.core.runs import JobState, OpenRun
from scheduled.queries.explain_overlap import overlap
from scheduled.queries.explain_slot import when
from scheduled.queries.explain_waits import (
    attempts,
    budget,
    due_now,
    held_until,
    pauses_in_words,
    waits_for_answer,
    waits_for_retry,
    waits_now,
)
from scheduled.queries.jobs import is_paused
from scheduled.queries.next_run import next_run
from scheduled.queries.view import View
from scheduled.queries.windows import without_ticks
from scheduled.schedules.zones import Instant
from scheduled.state.ledger import Ledger


def future(view: View, ledger: Ledger, key: JobKey, job_state: JobState | None, plan: JobPlan | None) -> str:
    """Return the sentence about what *key* does next, or why it does nothing; *plan* is its plan now."""
    job = view.config.jobs[key.job]
    if job_state is None or plan is None:
        alone = job.enabled and key.target in job.disabled_targets
        if alone or job.name in view.overridden:
            hint = f"enable it with `scheduled enable {key.display_name if alone else job.name}`"
            return f"It will not run: it was disabled with `scheduled disable`; {hint}."
        return f"It will not run: it is disabled in {job.source}."
    if job_state.busy:
        return _running(view, ledger, key, plan)
    if plan.waits is not None:
        return waits_now(view, key, job_state, plan)
    if plan.start is not None:
        return due_now(view, key, job_state, plan.start)
    retry = _next_retry(job_state, plan)
    return _later(view, key, job_state, plan) if retry is None else waits_for_retry(view, *retry)


def _next_retry(job_state: JobState, plan: JobPlan) -> tuple[OpenRun, Instant] | None:
    """Return the run without a slot, and its retry, if this is what the job does next."""
    retries = ((run, run.retry_at) for run in job_state.others if run.retry_at is not None)
    return next((found for found in retries if found[1] == plan.next_due), None)


def _later(view: View, key: JobKey, job_state: JobState, plan: JobPlan) -> str:
    if plan.next_due is not None:
        runs = _upcoming(view, key, plan.next_due)
        asks = view.config.jobs[key.job].approve is not None
        return runs.replace("It will run at", "It will ask for approval at", 1) if asks else runs
    if not view.config.jobs[key.job].is_by_time:
        return f"It runs {_unscheduled(view, key)}."
    last = slots_of(job_state.schedules, job_state.epoch).last_until(view.now)
    if last is not None and last <= job_state.epoch:
        return f"It will not run: its last slot, {when(last, view)}, was before its schedule took effect."
    return f"It will not run{_again(view, key)}: its schedule has no more slots."


def _again(view: View, key: JobKey) -> str:
    row = view.rows.get(key)
    return " again" if row is not None and row.last_run_id is not None else ""


def _upcoming(view: View, key: JobKey, due: Instant) -> str:
    job = view.config.jobs[key.job]
    at, start = next_run(view, key), may_start(job, key, due, view.pauses)
    slot = f"the slot of {when(due - job.delay, view)}"
    if start is None:
        return f"It is next due at {when(due, view)} and will wait then: {pauses_in_words(view, key)}."
    if at is None and job.after and view.chains:
        others = " and ".join(job.after)
        return f"It is next due at {when(due, view)} and will wait then: it runs after {others}."
    if at is None:
        return f"It will not run{_again(view, key)}: {without_ticks(view, key) or _never(job, slot)}."
    if at == due:
        return f"It will run at {when(at, view)}."
    if start == due:
        later = view.ticks_from(view.now).at_or_after(due) < at and budget(view, key.job) != ""
        why = (
            f"{slot} waits until then ({budget(view, key.job)})" if later else f"the first tick after {slot}"
        )
        return f"It will run at {when(at, view)}: {why}."
    delayed = _too_late(view, start) if is_too_late(job, due, at) else "waits until then"
    return f"It will run at {when(at, view)}: {slot} {delayed} ({_delayed(view, key, due)}{held_until(view, key, due, start)})."


def _delayed(view: View, key: JobKey, due: Instant) -> str:
    """Return that its `jitter` delays a slot, due at *due*, until it may not start any more; "" if it is not to blame."""
    job = view.config.jobs[key.job]
    slot = due - job.delay
    outside = job.delay and first_allowed(job, slot) == slot and first_allowed(job, due) != due
    return f"its `jitter` delays it until {when(due, view)}; " if outside else ""


def _never(job: Job, slot: str) -> str:
    return (
        f"no tick is foreseen that starts {slot}"
        if job.grace is None
        else f"{slot} will be too late for its `grace`"
    )


def _too_late(view: View, start: Instant) -> str:
    return f"cannot start before {when(start, view)}, which is too late for its `grace`"


def _unscheduled(view: View, key: JobKey) -> str:
    job = view.config.jobs[key.job]
    if job.on:
        return f"when the event {job.on} is published"
    if job.after:
        have = "has" if len(job.after) == 1 else "have"
        return f"when {' and '.join(job.after)} {have} succeeded"
    chains = view.config.jobs.with_step.get(job.name)
    return (
        f"as a step of {' and '.join(chains)}"
        if chains
        else f"only when you start it: `scheduled run {key.display_name}`"
    )


def _running(view: View, ledger: Ledger, key: JobKey, plan: JobPlan) -> str:
    job = view.config.jobs[key.job]
    under_way = [run for run in ledger.open_runs() if run.status != "waiting_retry"]
    own = [run for run in under_way if run.key == key]
    run = next((run for run in own if not _is_queued(run)), None)
    if run is None:
        return _queued(view, job, own[0].run_id, under_way)
    if run.tick == CHAIN and (waits := _chain_waits(view, ledger, run)):
        return f"It waits in{_step(view, run).partition(':')[0].removeprefix(',')}: {waits}"
    row = ledger.run(run.run_id)
    since = f", since {when(int(row.started_at), view)}" if row and row.started_at else ""
    then = overlap(view, job, view.job_states.get(run.key), run, plan)
    return f"It is running: {run.run_id}{since}, attempt {attempts(job, run)}{_step(view, run)}.{then}"


def _is_queued(run: OpenRun) -> bool:
    """Return whether a tick has claimed *run* and no process executes it yet. A chain has no process."""
    return run.status == "claimed" and run.tick != CHAIN


def _queued(view: View, job: Job, run_id: str, under_way: Sequence[OpenRun]) -> str:
    """Return why the claimed run *run_id* is not started yet; *under_way* are all runs of which one is claimed."""
    running, jobs = [run for run in under_way if run.status == "running"], view.config.jobs
    held = [
        run.key.display_name
        for run in running
        if job.group and run.job in jobs and jobs[run.job].group == job.group
    ]
    if held:
        return f"It waits: {run_id} is claimed, and starts after {' and '.join(held)} of its group {job.group!r}."
    if sum(run.tick != CHAIN for run in running) >= view.config.max_parallel:
        most = f"at most {view.config.max_parallel} at once (`max_parallel`)"
        return f"It waits: {run_id} is claimed, and starts when another run ends: {most}."
    return f"It is about to start: {run_id} is claimed."


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
        return waits_for_answer(view, run).replace("It waits", f"{run.key.display_name} waits", 1)
    if run.retry_at <= view.now and view.open_reason(run.key) == "gate":
        return _request_waits(view, ledger, run.key)
    text = waits_for_retry(view, run, run.retry_at)
    return text.removeprefix("It waits: ")


def _request_waits(view: View, ledger: Ledger, key: JobKey) -> str:
    """Return why the job of a step does not start now; "" if it does."""
    job = view.config.jobs[key.job]
    if not job.enabled:
        return f"{key.display_name} is disabled; the next tick counts it as failed."
    state, plan = view.job_states.get(key), view.job_plan(job, key)
    held = plan is not None and (plan.waits is not None or view.open_reason(key) == "gate")
    waits = future(view, ledger, key, state, plan) if held else ""
    return f"{key.display_name} waits: {waits.removeprefix('It waits: ')}" if waits else ""
