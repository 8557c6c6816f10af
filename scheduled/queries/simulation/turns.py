"""Which retries a tick leaves to the next one: a job has one run at a time, and another run has its turn now."""

from collections.abc import Mapping

from scheduled.core.jobs import Job
from scheduled.core.keys import JobKey
from scheduled.core.request_queue import RequestQueue
from scheduled.core.runs import JobState
from scheduled.core.starts import Start, plans_again
from scheduled.schedules.zones import Instant


def leaving_retries(
    jobs: Mapping[str, Job],
    job_states: Mapping[JobKey, JobState],
    starts: Mapping[JobKey, Start],
    requests: RequestQueue,
    now: Instant,
) -> set[JobKey]:
    """Return those of *starts* for which `leaves_retry` is true."""
    return {
        key
        for key, start in starts.items()
        if leaves_retry(jobs[key.job], job_states[key], start, requests, now)
    }


def leaves_retry(job: Job, job_state: JobState, start: Start, requests: RequestQueue, now: Instant) -> bool:
    """Return whether the tick at *now* that runs *start* leaves a retry of the job that is due to the next tick.

    *job_state* is the state after the run, which succeeds. *requests* are the start requests that are left.
    """
    again = plans_again(job, start.claim, succeeded=True)
    again = again or job_state.key in requests
    return not again and job_state.has_retry_due(now)
