"""What a run by hand did not get of its caller's environment: a job that fails may need it."""

from collections.abc import Iterable, Mapping
from typing import Any

from scheduled.core.jobs import Job
from scheduled.engine.runtime import Runtime
from scheduled.errors import ScheduledError
from scheduled.execution.prepare import environment_of
from scheduled.install.environment import crontab_variables, of_caller


def of_jobs(runtime: Runtime, names: Iterable[str]) -> list[dict[str, Any]]:
    """Return, for each job in *names*, the names of the caller's variables that it was not given.

    `missing` are those that it did not have, `other_value` those that had another value. `crontab` is the reason
    if the variables of the crontab are unknown. Chains, and jobs that had all variables, are left out.
    """
    if runtime.inherit:
        return []
    jobs = [job for name in dict.fromkeys(names) if (job := runtime.config.jobs.get(name)) is not None]
    found = [_of_job(job, runtime) for job in jobs if not job.action.steps]
    return [entry for entry in found if entry["missing"] or entry["other_value"]]


def _of_job(job: Job, runtime: Runtime) -> dict[str, Any]:
    try:
        given = environment_of(job, runtime.environment)[1]
    except ScheduledError:  # its env_file can't be read, which is why it failed
        given = of_caller()
    missing, other = compare(of_caller(), given)
    return {
        "job": job.name,
        "missing": missing,
        "other_value": other,
        "crontab": crontab_variables()[1] or None,
    }


def compare(caller: Mapping[str, str], given: Mapping[str, str]) -> tuple[list[str], list[str]]:
    """Return the names of the variables of *caller* that *given* does not have, and of those with another value."""
    names = sorted(caller)
    missing = [name for name in names if name not in given]
    return missing, [name for name in names if name in given and given[name] != caller[name]]
