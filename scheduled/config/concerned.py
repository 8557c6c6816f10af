"""The jobs about which an edit of a file of jobs.d can add a message."""

from collections.abc import Collection, Iterator

from scheduled.core.configured_jobs import Jobs
from scheduled.core.jobs import Job


def concerned(before: Jobs, after: Jobs, edited: Collection[str]) -> list[str]:
    """Return the names of the jobs that *edited* files define, and of those for which one of them matters, in order.

    *before* and *after* are the jobs before and after the edit, which may bring other jobs in force or out of it.
    """
    changed = {*edited, *(before.keys() ^ after.keys())}
    names = {*changed, *_related(before, changed), *_related(after, changed)}
    return [name for name in dict.fromkeys([*after, *before]) if name in names]


def _related(jobs: Jobs, changed: Collection[str]) -> Iterator[str]:
    """Yield the names of jobs that name one of the *changed* ones, or a job that does not exist, and of the steps of *changed* chains."""
    for name in changed:
        yield from (*jobs.with_step.get(name, ()), *jobs.coming_after.get(name, ()))
        if name in jobs:
            yield from (step for steps in jobs[name].action.steps for step in steps)
    yield from (job.name for job in jobs.values() if job.where and _names_one(job, jobs, changed))


def _names_one(job: Job, jobs: Jobs, changed: Collection[str]) -> bool:
    other = job.where.get("job")
    return other is not None and (other in changed or other not in jobs)
