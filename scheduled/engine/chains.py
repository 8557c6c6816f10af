"""Run the steps of chains, one after the other.

Everything is a row in the ledger, so that it continues after a crash. The run of a chain has no process. Each
step is a set of start requests. When all runs that they started have ended, the next step is requested, or
the chain has ended.
"""

from collections.abc import Mapping
from functools import partial
from typing import Any

from scheduled.actions.chain import EXECUTOR
from scheduled.actions.registry import kind_of
from scheduled.core.chain_steps import step_number
from scheduled.core.jobs import Job, job_of, step_keys_of
from scheduled.core.keys import read_label
from scheduled.core.records import CHAIN
from scheduled.core.runs import (
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
    steps = [[str(key) for name in step for key in step_keys_of(jobs[name])] for step in job.action.steps]
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
    ledger: Ledger, jobs: Mapping[str, Job], child: OpenRun, status: str, reason: str, now: float
) -> AttemptResult | None:
    """Continue a chain after a run of its step ended with *status* and *reason*.

    A step that gave up after "not now" (`deferred`) has not done its work. Return the chain's result if it has ended.
    """
    parent = ledger.open_run(child.parent)
    if parent is None or parent.tick != CHAIN:
        return None
    state = _progress_of(parent)
    if status in FAILED:
        state = _with_failure(state, f"{child.key.display_name} failed")
    elif status == "deferred":
        state = _with_failure(state, f"{child.key.display_name} was skipped: {reason}")
    elif status == "stopped":
        state = _with_failure(state, f"{child.key.display_name} was stopped")
        state["stopped"] = state.get("stopped", 0) + 1
    return _continue(ledger, jobs, parent, state, now)


def lost_step(ledger: Ledger, jobs: Mapping[str, Job], row: StartRequest, now: float) -> AttemptResult | None:
    """Continue a chain as if a step had failed: the job or target of start request *row* is disabled or removed.

    Return the chain's result if it has ended.
    """
    parent = ledger.open_run(row.parent) if row.parent else None
    if parent is None or parent.tick != CHAIN:
        return None
    state = _with_failure(_progress_of(parent), _why_lost(jobs, row))
    return _continue(ledger, jobs, parent, {**state, "lost": state.get("lost", 0) + 1}, now)


def runs_missing(
    ledger: Ledger, jobs: Mapping[str, Job], parent: OpenRun, now: float
) -> AttemptResult | None:
    """Continue the chain of *parent* as if its step had failed: runs of it are not in the ledger any more.

    Return the chain's result if it has ended.
    """
    state = _with_failure(_progress_of(parent), "a run of it is no longer recorded")
    return _continue(ledger, jobs, parent, {**state, "lost": len(state["steps"][state["at"]])}, now)


def _why_lost(jobs: Mapping[str, Job], row: StartRequest) -> str:
    if row.job not in jobs:
        return f"{row.job} is not a configured job"
    if job_of(jobs, row.key) is not None:
        return f"{row.key.display_name} is disabled"
    return (
        f"{row.key.display_name} is not a target any more"
        if row.target
        else f"{row.job} has no target to run"
    )


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
