"""Which instant is worth waking the machine for: the next one at which a tick starts a job with `wake`."""

from collections.abc import Mapping

import msgspec

from scheduled.core.configured_jobs import Jobs
from scheduled.core.job_plan import JobPlan
from scheduled.core.jobs import Job
from scheduled.core.keys import JobKey
from scheduled.schedules.zones import MINUTE, Instant

META = "wake"  # the name under which the ledger keeps the alarm that was set last
BEFORE = MINUTE  # the machine needs some time to wake up
SOON = 5  # seconds; an alarm that is set for an earlier instant may be in the past when it is set
# Reasons to wait for which the planner knows the end.
BY_TIME = (None, "waiting_retry", "quiet", "paused", "deferred", "jitter", "start_delay")


class Wanted(msgspec.Struct, frozen=True):
    """The alarm for the next start of *job*, which is *due* then. *at* is before that (UTC seconds)."""

    job: str
    due: Instant
    at: Instant


class Alarm(Wanted, frozen=True):
    """An alarm that was set. *at* is 0 if it could not be; *others* are alarms that may be set instead, all of them ours."""

    others: tuple[Instant, ...] = ()

    def is_at(self, instant: Instant, slack: int) -> bool:
        """Return whether an alarm of the clock at *instant*, to *slack* seconds, is this one, or one of the others."""
        return any(abs(instant - at) <= slack for at in (self.at, *self.others))

    def later(self, now: float) -> tuple[Instant, ...]:
        """Return when the clock may ring for this alarm or the others after *now*."""
        return tuple(dict.fromkeys(at for at in (self.at, *self.others) if at > now))


def read_alarm(text: str | None) -> Alarm | None:
    """Return the alarm that the ledger keeps as *text*; None if there is none."""
    return msgspec.json.decode(text, type=Alarm) if text else None


def wakers(jobs: Jobs, plans: Mapping[JobKey, JobPlan]) -> dict[JobKey, bool]:
    """Return the enabled jobs and targets of *plans* with `wake`, and whether each one waits for something without a known end.

    For such a slot the machine does not wake: the next one counts.
    """
    found = {key: plan for key, plan in plans.items() if _may_wake(jobs[key.job], key)}
    return {key: plan.waits not in BY_TIME for key, plan in found.items()}


def wanted(starts: Mapping[JobKey, Instant], now: Instant) -> Wanted | None:
    """Return the alarm that is wanted at *now*, given when a tick *starts* each job; None if none starts later."""
    found = [(due, key.display_name) for key, due in starts.items() if due > now + SOON]
    if not found:
        return None
    due, name = min(found)
    return Wanted(name, due, due - BEFORE if due - BEFORE > now + SOON else due)


def _may_wake(job: Job, key: JobKey) -> bool:
    return job.wake and job.enabled and key.target not in job.disabled_targets
