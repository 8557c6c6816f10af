"""What a run by hand did not get of its caller's environment: a job that fails may need it."""

import re
from collections.abc import Iterable, Iterator

from scheduled.actions.registry import kind_of
from scheduled.core.jobs import Job
from scheduled.core.judgement import DEFERRED
from scheduled.engine.runtime import Runtime
from scheduled.errors import ScheduledError
from scheduled.execution.prepare import directory_of, environment_of
from scheduled.handlers.registry import BUILT_IN
from scheduled.install.environment import compare, of_caller, unreadable_crontab

NO_MATTER_OF_VARIABLES = ("deferred", "timed_out", "interrupted")
WITHOUT_SECRET = re.compile(r"secret \w+ \((file|credential):")


def may_explain(job: Job | None, runtime: Runtime, status: str, reason: str | None) -> bool:
    """Return whether missing variables may be why an attempt of *job* ended with *status* for *reason*.

    They are not if the job deferred itself, had too little time, or lacks its directory or a secret that no command prints.
    """
    if job is None or status in NO_MATTER_OF_VARIABLES or reason == DEFERRED:
        return False
    if WITHOUT_SECRET.match(reason or ""):
        return False
    if kind_of(job.action).handler(job.action) in BUILT_IN:
        return False  # they read no variables of the user
    directory = directory_of(job, runtime.environment)
    return not (reason or "").startswith(f"cannot start: {directory}: ")


def remark(runtime: Runtime, names: Iterable[str], command: str) -> None:
    """Add to the remarks, for each of the jobs *names* that failed, which variables of the caller it was not given.

    Only the names of the variables are added. *command* runs the jobs with all of them. Chains run nothing themselves.
    """
    found = runtime.config.jobs
    jobs = [found[name] for name in dict.fromkeys(names) if name in found and not found[name].action.steps]
    lines = [] if runtime.inherit else [line for job in jobs for line in _lines(job, runtime)]
    if lines and (reason := unreadable_crontab()):
        lines.append(f"the variables of your crontab were not given either: {reason}")
    if lines:
        lines.append(f"write those that it needs in `env` or `env_file`; with all of them: `{command}`")
    runtime.paths.remarks += lines


def _lines(job: Job, runtime: Runtime) -> Iterator[str]:
    try:
        given = environment_of(job, runtime.environment)[1]
    except ScheduledError:
        return  # its env_file can't be read, which is why it failed
    caller = {name: value for name, value in of_caller().items() if name not in job.secrets}
    missing, other = compare(caller, given)
    names = [*(f"{name} (another value)" for name in other), *missing]
    if names:
        yield f"{job.name}: was not given these variables of your shell, as under cron: {', '.join(names)}"
