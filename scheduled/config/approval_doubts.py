"""Warnings about `approve`: jobs that nothing but a person starts, and deadlines that newer slots come before."""

from collections.abc import Iterator

from scheduled.core.cadence import closest
from scheduled.core.configured_jobs import Jobs
from scheduled.core.jobs import Job
from scheduled.schedules.durations import duration
from scheduled.schedules.zones import Instant


def warnings(job: Job, jobs: Jobs, now: Instant) -> Iterator[str]:
    """Yield the warnings about the `approve` of *job*, each beginning with a key."""
    if job.approve is None:
        return
    if not (job.is_by_time or job.on or job.after or jobs.with_step.get(job.name)):
        yield "approve: has no effect: only a person starts this job, who approves it with that; remove it"
    if job.overlap == "replace":
        yield 'overlap: "replace" has no effect with `approve`: no run is stopped for a slot that only asks; write "wait"'
    by, gap = job.approve.by, closest(job.schedules, now) if job.is_by_time else None
    if by is not None and gap is not None and by >= gap and job.catch_up != "all":
        yield (
            f"approve: its deadline, {duration(by)}, is not shorter than the {duration(gap)} between two slots: a newer slot asks instead"
            ' before it; write a shorter time, or catch_up = "all"'
        )
