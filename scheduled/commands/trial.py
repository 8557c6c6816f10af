"""`try JOB`: run a job once in the environment of cron, without a record."""

import os
import pwd
import tempfile
from pathlib import Path
from typing import Any

from scheduled.actions.kind import ExecutionContext
from scheduled.clock import now
from scheduled.config.files import known_jobs
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


def cron_environment() -> dict[str, str]:
    """Return the environment variables that Debian's cron sets for a job.

    Most commands that work in a shell and fail under cron depend on a variable that is missing here.
    """
    user = pwd.getpwuid(os.geteuid())
    variables = {"HOME": user.pw_dir, "LOGNAME": user.pw_name, "SHELL": "/bin/sh", "PATH": "/usr/bin:/bin"}
    return variables | {name: os.environ[name] for name in ("LANG", "TZ") if name in os.environ}


def attempt(instance: Instance, job: str) -> dict[str, Any]:
    """Run a job once in the environment of cron, without a record; return its result and output.

    Raise ConfigError if there is no such job, StateError if the job could not be started.
    """
    runtime = open_runtime(instance)
    attempt_result, printed = _attempt(runtime, known_jobs(runtime.config, [job])[0])
    return {
        "job": job,
        "status": attempt_result.status,
        "exit_code": attempt_result.exit_code,
        "reason": attempt_result.reason or None,
        "duration_ms": attempt_result.duration_ms,
        "output": printed,
    }


def _attempt(runtime: Runtime, name: str) -> tuple[AttemptResult, str]:
    """Run the job once, wait for its end, and return its result and its output."""
    job = runtime.config.jobs[name]
    claim = Claim(run_id=trial_run_id(name), job=name, slot=int(now()), attempt=1, slots=1, trigger="manual")
    with tempfile.TemporaryDirectory(prefix="scheduled-try-") as scratch:
        paths = Paths(Path(scratch))
        directories.prepare(paths)
        context = ExecutionContext(paths, runtime.config.workspace, runtime.zone, cron_environment())
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
    import msgspec

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
