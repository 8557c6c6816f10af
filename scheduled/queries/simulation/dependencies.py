"""Which jobs have to be simulated together: those that come after others, and the chains that run these."""

from collections.abc import Collection, Iterable, Iterator, Mapping

import msgspec

from scheduled.core.jobs import Job, Jobs, keys_of
from scheduled.core.keys import JobKey
from scheduled.core.runs import JobState


def with_all_before(jobs: Jobs, found: Iterable[str]) -> set[str]:
    """Return the names in *found* and those of all jobs on which they depend, directly or not."""
    names = set(found)
    while more := {other for name in names for other in _before(jobs, name)} - names:
        names |= more
    return names


def _before(jobs: Jobs, name: str) -> Iterator[str]:
    """Yield the jobs that *name* comes after, and the chains of which these are steps."""
    for other in jobs[name].after:
        if other in jobs:
            yield other
            yield from jobs.with_step.get(other, ())


def steps_ran(
    jobs: Mapping[str, Job], chain: Job, job_states: Mapping[JobKey, JobState]
) -> dict[JobKey, JobState]:
    """Return the states of the steps of a chain after it has run."""
    steps = (key for step in chain.action.steps for name in step for key in keys_of(jobs[name]))
    return {
        key: msgspec.structs.replace(job_states[key], last_status="success")
        for key in steps
        if key in job_states
    }


def with_those_before(
    jobs: Mapping[str, Job], job_states: Mapping[JobKey, JobState], due: Collection[JobKey]
) -> dict[JobKey, JobState]:
    """Return the states of *due*, and of those that they come after, which decide whether they start."""
    names = {other for key in due for other in jobs[key.job].after}
    keys = {*due, *(key for name in names if name in jobs for key in keys_of(jobs[name]))}
    return {key: job_states[key] for key in keys if key in job_states}
