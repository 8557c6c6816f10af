"""Start jobs when a run ends or an event occurs: chain steps, subscribers and jobs that come after others.

Everything is a row in the ledger, so that it continues after a crash. The run of a chain has no process. Each
step is a set of start requests. When all runs that they started have ended, the next step is requested, or
the chain has ended.
"""

from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

import msgspec

from scheduled.actions.chain import EXECUTOR
from scheduled.actions.registry import kind_of
from scheduled.core.chain_steps import step_number
from scheduled.core.events import Event
from scheduled.core.jobs import Job, Jobs, keys_of
from scheduled.core.keys import JobKey, read_label
from scheduled.core.records import CHAIN, JobRow
from scheduled.core.runs import (
    AFTER,
    FAILED,
    OPEN,
    AttemptResult,
    AttemptStatus,
    Claim,
    OpenRun,
    StartRequest,
)
from scheduled.engine.run_claimed import RunClaimed
from scheduled.state.ledger import Ledger, StartRequests

# Events about a run. Such an event starts no job that has a run among the causes of the event.
OF_RUNS = frozenset(
    (
        "job_started",
        "job_completed",
        "job_failed",
        "job_skipped",
        "job_interrupted",
        "job_retry_scheduled",
    )
)
MAX_DEPTH = 16  # the longest allowed sequence of runs that start one another; a longer one counts as a loop


def take_over(jobs: Mapping[str, Job], run: RunClaimed) -> None:
    """Take a claimed run if its action is a chain."""
    if kind_of(run.job.action).EXECUTOR == EXECUTOR:
        run.take(partial(begin, jobs))


def begin(jobs: Mapping[str, Job], ledger: Ledger, job: Job, claim: Claim, now: float) -> bool:
    """Begin or continue the claimed run of a chain; return True: it requests other runs.

    A retry continues at the step that failed in the earlier attempt. The payload of the run lists the labels
    of all targets that the jobs of the steps have when the run first begins.
    """
    before = ledger.open_run(claim.run_id) if claim.attempt > 1 else None
    progress = _progress_of(before) if before is not None and "steps" in before.payload else None
    state = progress or first_state(jobs, job, claim)
    state |= {"failures": [], "lost": 0, "stopped": 0}
    ledger.begin_chain(claim.run_id, state)
    _request_step(ledger, claim.run_id, state, claim.depth, now)
    return True


def first_state(jobs: Mapping[str, Job], job: Job, claim: Claim) -> dict[str, Any]:
    """Return the progress with which the run *claim* of the chain *job* begins."""
    steps = [[str(key) for name in step for key in keys_of(jobs[name])] for step in job.action.steps]
    return {**_logical_time(claim), "steps": steps, "at": 0}


def _logical_time(claim: Claim) -> dict[str, Any]:
    """Return the scheduled time of the chain, which its steps use as their own, however late they start."""
    return {
        "scheduled_for": claim.scheduled_for,
        "missed": claim.missed,
        "window_start": claim.effective_window_start,
    }


def _progress_of(run: OpenRun) -> dict[str, Any]:
    """Return the progress of a chain's run.

    Ledgers of the first version hold only the names of the failed jobs.
    """
    state = dict(run.payload)
    failed = [f"{name} failed" for name in state.pop("failed", ())]
    return {**state, "failures": [*state.get("failures", ()), *failed]}


def _request_step(
    ledger: StartRequests, run_id: str, state: Mapping[str, Any], depth: int, now: float
) -> None:
    for row in requests_of_step(run_id, state, depth):
        ledger.request_start(row, now)


def requests_of_step(run_id: str, state: Mapping[str, Any], depth: int) -> list[StartRequest]:
    """Return the start requests of the step `state["at"]` of the chain's run *run_id*, which has *depth*."""
    payload = {name: state.get(name) for name in ("scheduled_for", "missed", "window_start")}
    return [
        StartRequest(
            id=0,
            job=key.job,
            target=key.target,
            event=CHAIN,
            payload=payload,
            depth=depth + 1,
            parent=run_id,
            step=step_number(state),
        )
        for key in map(read_label, state["steps"][state["at"]])
    ]


def step_ended(
    ledger: Ledger, jobs: Mapping[str, Job], child: OpenRun, status: str, now: float
) -> AttemptResult | None:
    """Continue a chain after a run of its step ended with *status*.

    Return the chain's result if it has ended.
    """
    parent = ledger.open_run(child.parent)
    if parent is None or parent.tick != CHAIN:
        return None
    state = _progress_of(parent)
    if status in FAILED:
        state = _with_failure(state, f"{child.key.display_name} failed")
    elif status == "stopped":
        state = _with_failure(state, f"{child.key.display_name} was stopped")
        state["stopped"] = state.get("stopped", 0) + 1
    return _continue(ledger, jobs, parent, state, now)


def lost_step(ledger: Ledger, jobs: Mapping[str, Job], row: StartRequest, now: float) -> AttemptResult | None:
    """Continue a chain as if a step had failed: the job of start request *row* is disabled or removed.

    Return the chain's result if it has ended.
    """
    parent = ledger.open_run(row.parent) if row.parent else None
    if parent is None or parent.tick != CHAIN:
        return None
    lost = f"{row.key.display_name} is disabled" if row.job in jobs else f"{row.job} is not a configured job"
    state = _with_failure(_progress_of(parent), lost)
    return _continue(ledger, jobs, parent, {**state, "lost": state.get("lost", 0) + 1}, now)


def _with_failure(state: Mapping[str, Any], failure: str) -> dict[str, Any]:
    step = f"step {state['at'] + 1} of {len(state['steps'])}"
    return {**state, "failures": [*state["failures"], f"{step}: {failure}"]}


def _continue(
    ledger: Ledger, jobs: Mapping[str, Job], parent: OpenRun, state: dict[str, Any], now: float
) -> AttemptResult | None:
    """Request the next step if all runs of the current one have ended.

    Return the chain's result if it has ended.
    """
    ended = [run for run in ledger.children(parent.run_id, step_number(state)) if run.status not in OPEN]
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
        _request_step(ledger, parent.run_id, state, parent.depth, now)
        return None
    # The last step is done: a retry of the chain starts again with the first step.
    ledger.begin_chain(parent.run_id, {**state, "at": 0, "round": state.get("round", 0) + 1})
    return _ending(parent, state, now)


def _ending(parent: OpenRun, state: Mapping[str, Any], now: float) -> AttemptResult:
    failures, stopped = "; ".join(state["failures"]), state.get("stopped", 0)
    bad: AttemptStatus = "stopped" if stopped == len(state["failures"]) else "failed"
    return _result(parent, bad if failures else "success", failures, now)


def stopped(parent: OpenRun, now: float) -> AttemptResult:
    """Return the result of the run of a chain that the user stops at *now*."""
    return _result(parent, "stopped", "", now)


def _result(parent: OpenRun, status: AttemptStatus, reason: str, now: float) -> AttemptResult:
    began = parent.started_at if parent.started_at is not None else now
    return AttemptResult(
        run_id=parent.run_id,
        attempt=parent.attempt,
        status=status,
        started_at=began,
        finished_at=now,
        duration_ms=max(0, int((now - began) * 1000)),
        reason=reason,
    )


def subscribers(jobs: Jobs, event: Event) -> Iterable[str]:
    """Return the names of the enabled jobs that subscribe to *event* and match its payload."""
    return (
        name
        for name in jobs.subscribers.get(event.name, ())
        if jobs[name].enabled and _matches(jobs[name].where, event.payload)
    )


def _matches(where: Mapping[str, str], payload: Mapping[str, Any]) -> bool:
    return all(key in payload and _text(payload[key]) == value for key, value in where.items())


def _text(value: Any) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def spread(
    ledger: Ledger, jobs: Jobs, events: Iterable[Event], depth: int, now: float, run_id: str = ""
) -> list[str]:
    """Request starts of the jobs that subscribe to *events*, which followed from *depth* earlier starts.

    *run_id* is the run that caused the events, "" if none did. Return a message for each start that is refused
    because it is probably part of a loop.
    """
    refused = []
    for event in events:
        about = event.payload.get("job") if event.name in OF_RUNS else None
        # A job that subscribes to the events of all jobs does not mean its own.
        wanted = [name for name in subscribers(jobs, event) if name != about]
        causes = ledger.causes(run_id) if wanted and about is not None and run_id else frozenset()
        for name in wanted:
            if depth >= MAX_DEPTH:
                refused.append(_loop(name, event, f"{depth} starts triggered one another"))
            elif name in causes:
                refused.append(_loop(name, event, f"a run of {name} led to this event"))
            else:
                for key in keys_of(jobs[name]):
                    ledger.request_start(start_request(event, key, depth), now)
    return refused


def _loop(name: str, event: Event, why: str) -> str:
    return (
        f"{name}: not started by {event.name}: {why}, probably in a loop; check the keys `on` and `chain` of"
        " these jobs"
    )


def start_request(event: Event, key: JobKey, depth: int) -> StartRequest:
    """Return a request to start *key* because of *event*, which followed from *depth* earlier starts."""
    payload = dict(event.payload)
    return StartRequest(
        id=0, job=key.job, target=key.target, event=event.name, payload=payload, depth=depth + 1
    )


def followers(ledger: Ledger, jobs: Jobs, ended: str, depth: int, now: float) -> None:
    """Request starts of jobs without a schedule that come after *ended*, if all their predecessors succeeded.

    A job with targets counts as succeeded when all its targets have.
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
                ledger.request_start(start_request(Event(name=AFTER), key, depth), now)


def _done_since(row: JobRow | None, since: float | None) -> bool:
    if row is None or row.last_status != "success" or row.last_run_at is None:
        return False
    return since is None or bool(row.last_run_at > since)
