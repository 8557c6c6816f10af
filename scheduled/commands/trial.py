"""`try JOB`: run a job, or the steps of a chain, once in the environment of cron, without a record."""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from scheduled.actions.kind import ExecutionContext
from scheduled.clock import now
from scheduled.commands import not_given
from scheduled.config.files import known_jobs
from scheduled.core.jobs import Job
from scheduled.core.run_ids import trial_run_id
from scheduled.core.runs import AttemptResult, Claim
from scheduled.engine.runtime import Runtime, open_runtime
from scheduled.errors import StateError
from scheduled.execution.client import SupervisorClient
from scheduled.execution.prepare import specify
from scheduled.execution.protocol import Ended, NotStarted
from scheduled.execution.report_file import read_report
from scheduled.instance import Instance
from scheduled.paths import Paths
from scheduled.state import directories
from scheduled.state.locks import create_locked
from scheduled.state.open import read_only

WELL = ("success", "skipped")


def attempt(instance: Instance, job: str, *, inherit_env: bool = False) -> dict[str, Any]:
    """Run a job once in the environment of cron, without a record; return its result and output.

    The steps of a chain run one after another; their results are the `steps` of the document. With *inherit_env*
    the jobs inherit the environment of this process. Raise ConfigError if there is no such job, StateError if a
    job could not be started.
    """
    runtime = open_runtime(instance)
    runtime.inherit = inherit_env
    name = known_jobs(runtime.config, [job])[0]
    with read_only(runtime.paths) as ledger:
        runtime.config.override(ledger.overrides())
    found = _tried(runtime, runtime.config.jobs[name])
    if found["status"] not in WELL:
        not_given.remark(runtime, _failed(runtime, found), f"scheduled try --inherit-env {name}")
    return found


def _failed(runtime: Runtime, entry: dict[str, Any]) -> Iterator[str]:
    """Yield the names of the job of *entry* and of its steps that ran and may have failed for want of a variable."""
    job, status = runtime.config.jobs[entry["job"]], entry["status"]
    failed = status not in WELL and entry["duration_ms"] is not None
    if failed and not_given.may_explain(job, runtime, status, entry["reason"]):
        yield entry["job"]
    for step in entry["steps"]:
        yield from _failed(runtime, step)


def _tried(runtime: Runtime, job: Job) -> dict[str, Any]:
    if not job.action.steps:
        return _document(job.name, *_attempt(runtime, job.name))
    return _chain(job, list(_steps(runtime, job)))


def _steps(runtime: Runtime, chain: Job) -> Iterator[dict[str, Any]]:
    """Try the steps of *chain* in order, and yield the result of each job. A failed step stops a chain as in a tick."""
    for names in chain.action.steps:
        results = [_tried_step(runtime, runtime.config.jobs[name]) for name in names]
        yield from results
        if chain.on_failure == "stop" and any(entry["status"] not in WELL for entry in results):
            return


def _tried_step(runtime: Runtime, job: Job) -> dict[str, Any]:
    return _tried(runtime, job) if job.enabled else _entry(job.name, "failed", reason="is disabled")


def _chain(job: Job, steps: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the document of a chain, of which *steps* were tried."""
    failed = [entry["job"] for entry in steps if entry["status"] not in WELL]
    reason = f"{' and '.join(failed)} failed" if failed else ""
    took = sum(entry["duration_ms"] or 0 for entry in steps)
    printed = "".join(entry["output"] for entry in steps)
    status = "failed" if failed else "success"
    return _entry(job.name, status, reason=reason, duration_ms=took, output=printed, steps=steps)


def _document(name: str, result: AttemptResult, printed: str) -> dict[str, Any]:
    return _entry(
        name,
        result.status,
        exit_code=result.exit_code,
        reason=result.reason,
        duration_ms=result.duration_ms,
        output=printed,
    )


def _entry(name: str, status: str, *, reason: str = "", **values: Any) -> dict[str, Any]:
    empty: dict[str, Any] = {"exit_code": None, "duration_ms": None, "output": "", "steps": []}
    return {"job": name, "status": status, "reason": reason or None, **empty, **values}


def _attempt(runtime: Runtime, name: str) -> tuple[AttemptResult, str]:
    """Run the job once, wait for its end, and return its result and its output."""
    job = runtime.config.jobs[name]
    claim = Claim(run_id=trial_run_id(name), job=name, slot=int(now()), attempt=1, slots=1, trigger="manual")
    with tempfile.TemporaryDirectory(prefix="scheduled-try-") as scratch:
        paths = Paths(Path(scratch))
        directories.prepare(paths)
        context = ExecutionContext(paths, runtime.config.workspace, runtime.zone, runtime.environment)
        spec = specify(job, claim, context, {})
        results = paths.results_of("try")
        supervisor = SupervisorClient(results, create_locked(results), 1)
        supervisor.submit(spec)
        attempt_result = _wait(supervisor)
        supervisor.close()
        reason = read_report(Path(spec.report)).outcome
        printed = Path(spec.output).read_text(errors="replace")
    return attempt_result if reason is None else _with_reason(attempt_result, reason.reason), printed


def _with_reason(attempt_result: AttemptResult, reason: str) -> AttemptResult:
    return msgspec.structs.replace(attempt_result, reason=reason or attempt_result.reason)


def _wait(supervisor: SupervisorClient) -> AttemptResult:
    while True:
        records = supervisor.records(timeout=None)
        if records is None:
            raise StateError("the supervisor was killed")
        for record in records:
            if isinstance(record, Ended):
                return record.attempt_result
            if isinstance(record, NotStarted):
                raise StateError(record.reason)
