"""`try JOB`: run a job, or the steps of a chain, once in the environment of cron, without a record."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec

from scheduled.commands import not_given
from scheduled.commands.stopping import Stopping
from scheduled.config.named import one_target
from scheduled.core.jobs import Job, key_of
from scheduled.core.keys import JobKey
from scheduled.core.run_ids import trial_run_id
from scheduled.core.runs import AttemptResult, Claim, StartRequest
from scheduled.core.starts import manual_start, requested
from scheduled.engine import chains
from scheduled.engine.runtime import Runtime, open_runtime
from scheduled.errors import StateError
from scheduled.execution import masked_output
from scheduled.execution.client import SupervisorClient
from scheduled.execution.prepare import specify
from scheduled.execution.protocol import Ended, NotStarted
from scheduled.execution.report_file import read_report
from scheduled.instance import Instance
from scheduled.schedules.zones import Instant
from scheduled.state import directories, trials
from scheduled.state.locks import create_locked
from scheduled.state.open import read_only

WELL = ("success", "skipped")


class _Trial(msgspec.Struct, frozen=True):
    """What all jobs of one `try` share: *window_starts* has the slot of the last success of each."""

    runtime: Runtime
    window_starts: Mapping[JobKey, Instant | None]
    stopping: Stopping

    @property
    def jobs(self) -> Mapping[str, Job]:
        return self.runtime.config.jobs


def attempt(instance: Instance, job: str, *, inherit_env: bool = False) -> dict[str, Any]:
    """Run a job, or one of its targets, once as a manual run, without a record; return its result and output.

    The steps of a chain run one after another; their results are the `steps` of the document. With *inherit_env*
    the jobs inherit the environment of this process. A signal that asks this process to end stops the job, and no step
    follows. Raise ConfigError if there is no such job, or the job has several targets, StateError if a job could not be
    started.
    """
    runtime = open_runtime(instance)
    runtime.inherit = inherit_env
    _remove_left(runtime)
    with read_only(runtime.paths) as ledger:
        runtime.config.override(ledger.overrides())
        window_starts = {key: found.window_start for key, found in ledger.job_states().items()}
    key = one_target(runtime.config, job)
    with Stopping() as stopping:
        trial = _Trial(runtime, window_starts, stopping)
        found = _tried(trial, manual_start(key, window_starts.get(key), trial_run_id(key)).claim)
    if found["status"] not in WELL:
        not_given.remark(runtime, _failed(runtime, found), f"scheduled try --inherit-env {key.display_name}")
    return found


def _remove_left(runtime: Runtime) -> None:
    """Remove what an earlier `try` that was killed has left: it may hold secrets."""
    try:
        trials.remove_left(runtime.paths)
    except (OSError, StateError) as error:
        runtime.paths.remarks.append(
            f"{runtime.paths.trials}: can't remove what an earlier `try` left: {error}"
        )


def _failed(runtime: Runtime, entry: dict[str, Any]) -> Iterator[str]:
    """Yield the names of the job of *entry* and of its steps that ran and may have failed for want of a variable."""
    job, status = runtime.config.jobs[entry["job"]], entry["status"]
    failed = status not in WELL and entry["duration_ms"] is not None
    if failed and not_given.may_explain(job, runtime, status, entry["reason"]):
        yield entry["job"]
    for step in entry["steps"]:
        yield from _failed(runtime, step)


def _tried(trial: _Trial, claim: Claim) -> dict[str, Any]:
    job = trial.jobs[claim.job]
    if not job.action.steps:
        return _document(claim.key, *_attempt(trial, claim))
    return _chain(job, list(_steps(trial, job, claim)))


def _steps(trial: _Trial, chain: Job, claim: Claim) -> Iterator[dict[str, Any]]:
    """Try the steps of *chain* in order, and yield the result of each job.

    As in a tick, a step that failed stops the chain, and one that is deferred holds it back.
    """
    state = chains.first_state(trial.jobs, chain, claim)
    for at in range(len(state["steps"])):
        requests = chains.requests_of_step(claim.run_id, {**state, "at": at}, claim.depth)
        statuses = set()
        for request in requests:
            entry = _tried_step(trial, request)
            yield entry
            if trial.stopping.by is not None:
                return
            statuses.add(entry["status"])
        if "deferred" in statuses or (chain.on_failure == "stop" and not statuses.issubset(WELL)):
            return


def _tried_step(trial: _Trial, request: StartRequest) -> dict[str, Any]:
    if not trial.jobs[request.job].enabled:
        return _entry(request.key, "failed", reason="is disabled")
    claim = requested(request, trial.window_starts.get(request.key)).claim
    return _tried(trial, msgspec.structs.replace(claim, run_id=trial_run_id(request.key)))


def _chain(job: Job, steps: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the document of a chain, of which *steps* were tried."""
    deferred = [_label(entry) for entry in steps if entry["status"] == "deferred"]
    failed = [_label(entry) for entry in steps if entry["status"] not in (*WELL, "deferred")]
    parts = [(deferred, "deferred"), (failed, "failed")]
    took = sum(entry["duration_ms"] or 0 for entry in steps)
    return _entry(
        key_of(job),
        next((status for names, status in parts if names), "success"),
        reason="; ".join(f"{' and '.join(names)} {status}" for names, status in parts if names),
        duration_ms=took,
        output="".join(entry["output"] for entry in steps),
        steps=steps,
    )


def _label(entry: Mapping[str, Any]) -> str:
    return JobKey(entry["job"], entry["target"] or "").display_name


def _document(key: JobKey, result: AttemptResult, printed: str) -> dict[str, Any]:
    return _entry(
        key,
        result.status,
        exit_code=result.exit_code,
        reason=result.reason,
        duration_ms=result.duration_ms,
        output=printed,
    )


def _entry(key: JobKey, status: str, *, reason: str = "", **values: Any) -> dict[str, Any]:
    empty: dict[str, Any] = {"exit_code": None, "duration_ms": None, "output": "", "steps": []}
    return {
        "job": key.job,
        "target": key.target or None,
        "status": status,
        "reason": reason or None,
        **empty,
        **values,
    }


def _attempt(trial: _Trial, claim: Claim) -> tuple[AttemptResult, str]:
    """Execute *claim*, wait for its end, and return its result and its output."""
    job, stopping = trial.jobs[claim.job], trial.stopping
    with trials.opened(trial.runtime.paths) as paths:
        directories.prepare(paths)
        spec = specify(job, claim, trial.runtime.context(paths), {})
        results = paths.results_of(trials.RESULTS)
        supervisor = SupervisorClient(results, create_locked(results), 1)
        with stopping.ending(supervisor):
            supervisor.submit(spec)
            attempt_result = _wait(supervisor, stopping)
        reason = read_report(Path(spec.report)).outcome
        printed = b""
        with suppress(FileNotFoundError):  # its secrets can't be had, so that it was not started
            printed, _ = masked_output.MaskedOutput(Path(spec.output), Path(spec.kept)).end(None, final=True)
    if attempt_result.status == "interrupted" and stopping.by is not None:
        attempt_result = _with_reason(attempt_result, _stopped(stopping))
    elif reason is not None:
        attempt_result = _with_reason(attempt_result, reason.reason)
    return attempt_result, printed.decode(errors="replace")


def _with_reason(attempt_result: AttemptResult, reason: str) -> AttemptResult:
    return msgspec.structs.replace(attempt_result, reason=reason or attempt_result.reason)


def _stopped(stopping: Stopping) -> str:
    return f"`try` was stopped by {stopping.by}"


def _wait(supervisor: SupervisorClient, stopping: Stopping) -> AttemptResult:
    while True:
        records = supervisor.records(timeout=None)
        if records is None:
            raise StateError("the supervisor was killed; if the command still runs, it is left to end")
        for record in records:
            if isinstance(record, Ended):
                return record.attempt_result
            if isinstance(record, NotStarted):
                raise StateError(record.reason if stopping.by is None else _stopped(stopping))
