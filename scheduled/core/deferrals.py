"""Until when a run that answered "not now", or that asks for approval, may wait, also while something else holds it back.

An attempt that ends later than that decides it by itself (`judgement`); a run that cannot start, for example because of its
quiet hours, is given up by the first tick after that.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import msgspec

from scheduled.core import approvals
from scheduled.core.holds import first_allowed, first_quiet, pauses_of
from scheduled.core.jobs import Job
from scheduled.core.judgement import DEFERRED, UNTIL_NEXT_SLOT, deferral_ends, is_not_now
from scheduled.core.keys import JobKey
from scheduled.core.runs import JobState, OpenRun
from scheduled.schedules.zones import Instant


class GivenUp(NamedTuple):
    """A waiting *run* that a tick gives up, with the *reason*."""

    run: OpenRun
    reason: str


def is_deferred(run: OpenRun) -> bool:
    """Return whether *run* waits for its next attempt because the last one ended with "not now"."""
    return run.status == "waiting_retry" and run.retry_at is not None and is_not_now(run.reason)


def expires(job: Job, run: OpenRun) -> tuple[Instant, str] | None:
    """Return the first instant at which *run* is given up, and why; None if it is not deferred.

    A newer slot that may start at its bound replaces it, unless `catch_up = "all"`: its slot is then coalesced, not given
    up. It is given up in the first quiet hours from its bound on, if it still waits then; None if there are none.
    """
    if not is_deferred(run) or run.first_started_at is None:
        return None
    ends, why = deferral_ends(job, run.slot, int(run.first_started_at))
    if _is_replaced(job, why):
        found = first_quiet(job, ends + 1)
        return None if found is None else (found, why)
    return ends + 1, why


def _is_replaced(job: Job, why: str) -> bool:
    return why == UNTIL_NEXT_SLOT and job.catch_up != "all"


def may_expire(run: OpenRun) -> bool:
    """Return whether *run* waits for something that may have an end: after "not now", or for approval."""
    return is_deferred(run) or approvals.is_asked(run)


def next_expiry(job: Job, job_state: JobState) -> Instant | None:
    """Return when the first of the waiting runs of *job_state* is given up; None if none of them is."""
    waiting = _waiting(job_state)
    if not waiting:
        return None  # the common case
    found = (expires(job, run) for run in waiting)
    return min((one[0] for one in found if one is not None), default=None)


def given_up(
    job: Job, job_state: JobState, pauses: Mapping[JobKey, Instant | None], now: Instant
) -> tuple[GivenUp, ...]:
    """Return the runs that a tick at *now* gives up. During one of the *pauses* it gives none up: a pause defers them.

    Also those that were not approved in time.
    """
    waiting = _waiting(job_state)
    if not any(map(may_expire, waiting)) or pauses_of(job_state.key, pauses):
        return ()
    denied = ((run, approvals.denied_at(job, run)) for run in waiting)
    unanswered = (GivenUp(run, approvals.NOT_IN_TIME) for run, at in denied if at is not None and now >= at)
    return (*unanswered, *_deferred_too_long(job, waiting, now))


def _deferred_too_long(job: Job, waiting: Iterable[OpenRun], now: Instant) -> tuple[GivenUp, ...]:
    startable = first_allowed(job, now) == now
    found = ((run, expires(job, run)) for run in waiting)
    return tuple(
        GivenUp(run, f"{DEFERRED}; {one[1]}")
        for run, one in found
        if one is not None and now >= one[0] and not (startable and _is_replaced(job, one[1]))
    )


def without(job_state: JobState, given: Iterable[GivenUp]) -> JobState:
    """Return *job_state* after the runs *given* are given up: their slots are skipped."""
    gone = {one.run.run_id: one.run.slot for one in given}
    if not gone:
        return job_state
    run = job_state.open_run
    return msgspec.structs.replace(
        job_state,
        open_run=None if run is not None and run.run_id in gone else run,
        others=tuple(other for other in job_state.others if other.run_id not in gone),
        position=max([job_state.position, *(slot for slot in gone.values() if slot is not None)]),
    )


def _waiting(job_state: JobState) -> tuple[OpenRun, ...]:
    return job_state.others if job_state.open_run is None else (job_state.open_run, *job_state.others)
