"""What a run by hand did not get of its caller's environment: a job that fails may need it."""

import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain

from scheduled.actions.registry import kind_of
from scheduled.core.jobs import Job
from scheduled.core.judgement import is_not_now
from scheduled.engine.runtime import Runtime
from scheduled.errors import ScheduledError
from scheduled.execution.prepare import directory_of, environment_of
from scheduled.handlers.registry import BUILT_IN
from scheduled.install.environment import compare, of_caller, unreadable_crontab

NO_MATTER_OF_VARIABLES = ("deferred", "timed_out", "interrupted")
# Reasons of attempts of which the command did not start, unless its program was not found on the PATH.
UNPREPARED = re.compile(r"secret \w+ \(|pre: |cannot start: (/|stdin: |embedded null byte)|env_file ")


def may_explain(job: Job | None, runtime: Runtime, status: str, reason: str | None) -> bool:
    """Return whether missing variables may be why an attempt of *job* ended with *status* for *reason*.

    They are not if the job deferred itself, had too little time, or lacks its directory, its standard input, a program that is
    named with its path, or a secret, or if `pre` failed: its command has not started.
    """
    if job is None or status in NO_MATTER_OF_VARIABLES or is_not_now(reason):
        return False
    if UNPREPARED.match(reason or ""):
        return False
    if kind_of(job.action).handler(job.action) in BUILT_IN:
        return False  # they read no variables of the user
    directory = directory_of(job, runtime.environment)
    return not (reason or "").startswith(f"cannot start: {directory}: ")


def remark(runtime: Runtime, names: Iterable[str], command: str) -> None:
    """Add one remark: which variables of the caller the jobs *names*, which failed, were not given.

    Only the names of the variables are added. *command* runs the jobs with all of them. Chains run nothing themselves.
    """
    found = runtime.config.jobs
    jobs = [found[name] for name in dict.fromkeys(names) if name in found and not found[name].action.steps]
    lacking = {} if runtime.inherit else {job.name: lacks for job in jobs if (lacks := _lacks(job, runtime))}
    if not lacking:
        return
    lines = [_line(lacking)]
    if reason := unreadable_crontab():
        lines.append(f"the variables of your crontab were not given either: {reason}")
    many = len(lacking) > 1
    lines.append(
        f"write those that {'they need' if many else 'it needs'} in `env` or `env_file`; with all of them: `{command}`"
    )
    runtime.paths.remarks += lines


def _line(lacking: Mapping[str, Sequence[str]]) -> str:
    """Return the line for the jobs *lacking* variables: most often all lack the same."""
    jobs, variables = ", ".join(lacking), dict.fromkeys(chain.from_iterable(lacking.values()))
    same = all(len(names) == len(variables) for names in lacking.values())
    were = "was not given" if len(lacking) == 1 else "were not given" if same else "were not given some of"
    return f"{jobs}: {were} these variables of your shell, as under cron: {', '.join(variables)}"


def _lacks(job: Job, runtime: Runtime) -> list[str]:
    """Return the variables of the caller that *job* was not given, those with another value first."""
    try:
        given = environment_of(job, runtime.environment)[1]
    except ScheduledError:
        return []  # its env_file can't be read, which is why it failed
    caller = {name: value for name, value in of_caller().items() if name not in job.secrets}
    missing, other = compare(caller, given)
    return [*(f"{name} (another value)" for name in other), *missing]
