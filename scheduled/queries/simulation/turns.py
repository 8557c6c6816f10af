"""What a tick leaves to the next one: retries while another run has its turn, and slots later than those of a chain."""

from collections.abc import Mapping

from scheduled.core.configured_jobs import Jobs
from scheduled.core.job_plan import until_next
from scheduled.core.jobs import Job, keys_of
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


def behind_chains(
    jobs: Jobs,
    job_states: Mapping[JobKey, JobState],
    ended: Mapping[JobKey, Instant | None],
    now: Instant,
    began: Instant,
) -> dict[JobKey, Instant]:
    """Return what comes after the chains in *ended*, with the instant up to which its slots count *now*.

    *ended* has the instant at which each chain began. The tick, which *began* then, counts all its slots for a chain
    of its own. See `engine/after_chains.py`.
    """
    found: dict[JobKey, Instant] = {}
    for key, since in ended.items():
        until = began if since == now else until_next(jobs[key.job], job_states[key], began)
        for other in (other for name in jobs.coming_after.get(key.job, ()) for other in keys_of(jobs[name])):
            if other in job_states:
                found[other] = min(until, found.get(other, until))
    return found
