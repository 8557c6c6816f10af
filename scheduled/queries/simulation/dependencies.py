"""Which jobs have to be simulated together: those that come after others, and the chains with their steps."""

from collections.abc import Collection, Iterable, Iterator, Mapping

from scheduled.core.configured_jobs import Jobs
from scheduled.core.jobs import Job, keys_of
from scheduled.core.keys import JobKey
from scheduled.core.records import CHAIN
from scheduled.core.runs import JobState, OpenRun


def with_all_before(jobs: Jobs, found: Iterable[str]) -> set[str]:
    """Return the names in *found* and those of all jobs on which they depend, directly or not."""
    names = set(found)
    while more := {other for name in names for other in _before(jobs, name)} - names:
        names |= more
    return names


def _before(jobs: Jobs, name: str) -> Iterator[str]:
    """Yield the jobs that *name* comes after, the chains of which these are steps, and the steps of *name*, a chain."""
    for other in jobs[name].after:
        if other in jobs:
            yield other
            yield from jobs.with_step.get(other, ())
    yield from (other for step in jobs[name].action.steps for other in step if other in jobs)


def steps_of(jobs: Mapping[str, Job], name: str) -> set[str]:
    """Return the names of the jobs that run as steps of *name*, also in the chains that are steps of it."""
    found, waiting = set[str](), [name]
    while waiting:
        steps = (other for step in jobs[waiting.pop()].action.steps for other in step if other in jobs)
        new = {*steps} - found
        found |= new
        waiting += new
    return found


def with_those_before(
    jobs: Mapping[str, Job], job_states: Mapping[JobKey, JobState], due: Collection[JobKey]
) -> dict[JobKey, JobState]:
    """Return the states of *due*, and of those that they come after, which decide whether they start."""
    names = {other for key in due for other in jobs[key.job].after}
    keys = {*due, *(key for name in names if name in jobs for key in keys_of(jobs[name]))}
    return {key: job_states[key] for key in keys if key in job_states}


def chains_under_way(runs: Iterable[OpenRun]) -> Iterator[OpenRun]:
    """Yield those of *runs* that are chains that have not ended."""
    return (
        run for run in runs if run.tick == CHAIN and run.status != "waiting_retry" and "steps" in run.payload
    )
