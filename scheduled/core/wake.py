"""Which instant is worth waking the machine for: the next one at which a job with `wake` starts."""

from collections.abc import Mapping

import msgspec

from scheduled.core.epochs import slots_of
from scheduled.core.holds import pauses_of
from scheduled.core.jobs import Job, Jobs
from scheduled.core.keys import JobKey
from scheduled.core.planner import JobPlan
from scheduled.schedules.zones import MINUTE, Instant

META = "wake"  # the name under which the ledger keeps the alarm that was set last
BEFORE = MINUTE  # the machine needs some time to wake up
SOON = 5  # seconds; an alarm that is set for an earlier instant may be in the past when it is set


class Wanted(msgspec.Struct, frozen=True):
    """The alarm for the next start of *job*, which is *due* then. *at* is before that (UTC seconds)."""

    job: str
    due: Instant
    at: Instant


def read_alarm(text: str | None) -> Wanted | None:
    """Return the alarm that the ledger keeps as *text*; None if there is none."""
    return msgspec.json.decode(text, type=Wanted) if text else None


def wanted(
    jobs: Jobs, plans: Mapping[JobKey, JobPlan], pauses: Mapping[JobKey, Instant | None], now: Instant
) -> Wanted | None:
    """Return the alarm that is wanted at *now*; None if no enabled job with `wake` that is not paused starts later."""
    found = [
        (due, key.display_name)
        for key, plan in plans.items()
        if _may_wake(jobs[key.job], key) and not pauses_of(key, pauses)
        if (due := _next(jobs, key, plan, now)) is not None and due > now + SOON
    ]
    if not found:
        return None
    due, name = min(found)
    return Wanted(name, due, due - BEFORE if due - BEFORE > now + SOON else due)


def _may_wake(job: Job, key: JobKey) -> bool:
    return job.wake and job.enabled and key.target not in job.disabled_targets


def _next(jobs: Jobs, key: JobKey, plan: JobPlan, now: Instant) -> Instant | None:
    """Return when *key* starts next; for an open slot that waits without a known end, when its next slot is due."""
    if plan.next_due is not None and plan.next_due > now:
        return plan.next_due
    return slots_of(jobs[key.job].schedules, now).next_after(now)
