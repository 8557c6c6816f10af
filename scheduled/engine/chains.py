"""Chains and events: what a run's end starts next. Everything is a row in the ledger, so a crash resumes it.

A chain's run has no process. Each of its steps is a set of triggers; when the runs they started have all ended,
the next step's follow, or the chain has ended itself.
"""

from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

import msgspec

from scheduled.actions.chain import EXECUTOR
from scheduled.actions.registry import kind_of
from scheduled.core.events import Event
from scheduled.core.jobs import Job, Jobs, keys_of
from scheduled.core.keys import JobKey, read_label
from scheduled.core.records import CHAIN, JobRow
from scheduled.core.runs import AFTER, FAILED, OPEN, AttemptResult, Claim, OpenRun, TriggerRow
from scheduled.engine.run_claimed import RunClaimed
from scheduled.state.ledger import Ledger, Triggers

MAX_DEPTH = 16  # events that led to one another: more are taken for a loop


def take_over(jobs: Mapping[str, Job], run: RunClaimed) -> None:
    """Take a chain's claimed run."""
    if kind_of(run.job.action).EXECUTOR == EXECUTOR:
        run.take(partial(begin, jobs))


def begin(jobs: Mapping[str, Job], ledger: Ledger, job: Job, claim: Claim, now: float) -> bool:
    """Start a claimed chain's run, or go on with it at the step that an earlier attempt did not get past.

    Its jobs are asked for: all targets that they have when the run first begins. They go by their labels.
    """
    before = ledger.open_run(claim.run_id) if claim.attempt > 1 else None
    progress = _state_of(before) if before is not None and "steps" in before.payload else None
    steps = [[str(key) for name in step for key in keys_of(jobs[name])] for step in job.action.steps]
    state = progress or {**_logical_time(claim), "steps": steps, "at": 0}
    state |= {"failures": [], "lost": 0}
    ledger.begin_chain(claim.run_id, state)
    _trigger_step(ledger, claim.run_id, state, claim.depth, now)
    return True


def _logical_time(claim: Claim) -> dict[str, Any]:
    """Return what the steps must know to do the work of the chain's slot, however late they are."""
    return {"scheduled_for": claim.scheduled_for, "missed": claim.missed, "window_start": claim.since}


def _state_of(run: OpenRun) -> dict[str, Any]:
    """Return where a chain's run is; the first version had only the names of those that failed."""
    state = dict(run.payload)
    failed = [f"{name} failed" for name in state.pop("failed", ())]
    return {**state, "failures": [*state.get("failures", ()), *failed]}


def _trigger_step(ledger: Triggers, run_id: str, state: Mapping[str, Any], depth: int, now: float) -> None:
    told = {name: state.get(name) for name in ("scheduled_for", "missed", "window_start")}
    for label in state["steps"][state["at"]]:
        key = read_label(label)
        row = TriggerRow(
            id=0,
            job=key.job,
            target=key.target,
            event=CHAIN,
            payload=told,
            depth=depth + 1,
            parent=run_id,
            step=_round(state),
        )
        ledger.trigger(row, now)


def _round(state: Mapping[str, Any]) -> int:
    """Return a number for this go at a step, so that a step tried again is told from its first go."""
    return int(state.get("round", 0)) * 1000 + int(state["at"])


def step_ended(
    ledger: Ledger, jobs: Mapping[str, Job], child: OpenRun, status: str, now: float
) -> AttemptResult | None:
    """Given the final *status* of a chain's child, start the next step; return how the chain ended, if it has."""
    parent = ledger.open_run(child.parent)
    if parent is None or parent.tick != CHAIN:
        return None
    state = _state_of(parent)
    state = _with_failure(state, f"{child.key.for_people} failed") if status in FAILED else state
    return _go_on(ledger, jobs, parent, state, now)


def lost_step(ledger: Ledger, jobs: Mapping[str, Job], row: TriggerRow, now: float) -> AttemptResult | None:
    """Given a trigger that starts nothing, as its job is disabled or gone, go on as if that had failed, as `step_ended`."""
    parent = ledger.open_run(row.parent) if row.parent else None
    if parent is None or parent.tick != CHAIN:
        return None
    lost = f"{row.key.for_people} is disabled" if row.job in jobs else f"there is no job {row.job}"
    state = _with_failure(_state_of(parent), lost)
    return _go_on(ledger, jobs, parent, {**state, "lost": state.get("lost", 0) + 1}, now)


def _with_failure(state: Mapping[str, Any], said: str) -> dict[str, Any]:
    step = f"step {state['at'] + 1} of {len(state['steps'])}"
    return {**state, "failures": [*state["failures"], f"{step}: {said}"]}


def _go_on(
    ledger: Ledger, jobs: Mapping[str, Job], parent: OpenRun, state: dict[str, Any], now: float
) -> AttemptResult | None:
    """Start the next step if all runs of this one have ended; return how the chain ended, if it has."""
    ended = [run for run in ledger.children(parent.run_id, _round(state)) if run.status not in OPEN]
    if len(ended) + state.get("lost", 0) < len(state["steps"][state["at"]]):
        ledger.begin_chain(parent.run_id, state)
        return None
    return _next_step(ledger, jobs.get(parent.job), parent, {**state, "lost": 0}, now)


def _next_step(
    ledger: Ledger, job: Job | None, parent: OpenRun, state: dict[str, Any], now: float
) -> AttemptResult | None:
    stops = job is None or job.on_failure == "stop" or parent.stop_requested
    if state["failures"] and stops:
        ledger.begin_chain(parent.run_id, {**state, "round": state.get("round", 0) + 1})
        return _ending(parent, state, now)
    if state["at"] + 1 < len(state["steps"]):
        state = {**state, "at": state["at"] + 1}
        ledger.begin_chain(parent.run_id, state)
        _trigger_step(ledger, parent.run_id, state, parent.depth, now)
        return None
    # No step is left that another attempt could go on with: it would begin anew.
    ledger.begin_chain(parent.run_id, {**state, "at": 0, "round": state.get("round", 0) + 1})
    return _ending(parent, state, now)


def _ending(parent: OpenRun, state: Mapping[str, Any], now: float) -> AttemptResult:
    failures = "; ".join(state["failures"])
    began = parent.started_at if parent.started_at is not None else now
    return AttemptResult(
        run_id=parent.run_id,
        attempt=parent.attempt,
        status="failed" if failures else "success",
        started_at=began,
        finished_at=now,
        duration_ms=max(0, int((now - began) * 1000)),
        reason=failures,
    )


def listeners(jobs: Jobs, event: Event) -> Iterable[str]:
    """Return the jobs that *event* starts."""
    return (
        name
        for name in jobs.listening.get(event.name, ())
        if jobs[name].enabled and _matches(jobs[name].where, event.payload)
    )


def _matches(where: Mapping[str, str], payload: Mapping[str, Any]) -> bool:
    return all(key in payload and _text(payload[key]) == value for key, value in where.items())


def _text(value: Any) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def spread(ledger: Triggers, jobs: Jobs, events: Iterable[Event], depth: int, now: float) -> list[str]:
    """Have the jobs started that listen to *events*; return what was not, because it would never end."""
    refused = []
    for event in events:
        for name in listeners(jobs, event):
            if depth >= MAX_DEPTH:
                refused.append(
                    f"{name}: {event.name} would start it as the {depth + 1}th in a row; a loop is cut here"
                )
            else:
                for key in keys_of(jobs[name]):
                    ledger.trigger(on_event(event, key, depth), now)
    return refused


def on_event(event: Event, key: JobKey, depth: int) -> TriggerRow:
    """Return the trigger by which *event*, the last of *depth* that led to it, starts *key*."""
    payload = dict(event.payload)
    return TriggerRow(
        id=0, job=key.job, target=key.target, event=event.name, payload=payload, depth=depth + 1
    )


def followers(ledger: Ledger, jobs: Jobs, ended: str, depth: int, now: float) -> None:
    """Have the jobs started that come after *ended*, have no schedule of their own, and miss nobody else.

    A job that has targets is missed until all of them have succeeded.
    """
    after = [jobs[name] for name in jobs.coming_after.get(ended, ())]
    waiting = [job for job in after if not job.is_by_time and not job.on]
    rows = {row.key: row for row in ledger.job_rows()} if waiting else {}
    for job in waiting:
        before = [rows.get(key) for name in job.after for key in keys_of(jobs[name])]
        for key in keys_of(job):
            since = rows[key].last_run_at if key in rows else None
            done = all(_done_since(row, since) for row in before)
            if job.enabled and done and depth < MAX_DEPTH:
                ledger.trigger(on_event(Event(name=AFTER), key, depth), now)


def _done_since(row: JobRow | None, since: float | None) -> bool:
    if row is None or row.last_status != "success" or row.last_run_at is None:
        return False
    return since is None or bool(row.last_run_at > since)
