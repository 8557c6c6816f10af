"""The planner: compute from the jobs, their states and the time what starts, waits or is skipped in a tick."""

from collections.abc import Container, Iterable, Mapping
from itertools import chain

import msgspec

from scheduled.core.events import Event
from scheduled.core.holds import Holds
from scheduled.core.job_plan import JobPlan, plan_job
from scheduled.core.jobs import Job, keys_of
from scheduled.core.keys import JobKey
from scheduled.core.runs import FAILED, JobState, OpenRun, Skip, Span
from scheduled.core.starts import (
    Start,
    asks,
    is_for_event,
    places,
    rank,
    takes_session,
)
from scheduled.schedules.zones import Instant

BEHIND = "after "  # the beginning of the reason of a slot that is skipped because another job failed


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """The plan of a tick: its *starts* in order, and the plan of each job and target.

    *events* are the events to publish once the plan is recorded: one for each skip.
    """

    starts: list[Start]
    jobs: dict[JobKey, JobPlan]
    events: tuple[Event, ...] = ()


def plan(
    jobs: Mapping[str, Job],
    job_states: Mapping[JobKey, JobState],
    now: Instant,
    only: Container[str] | None = None,
    until: Instant | None = None,
    holds: Holds = Holds(),  # noqa: B008 - immutable
) -> Plan:
    """Return a plan that gives every slot up to *until* (default: *now*) a run, a verdict or an open reason.

    Each target of a job is planned separately. With *only*, only the jobs in it, with all their targets, may
    start. The starts are ordered by priority, then by slot, then by position in the configuration.
    """
    planned_busy = [key.job for key, job_state in job_states.items() if job_state.busy]
    busy = busy_groups(jobs, [*planned_busy, *holds.busy])
    crowded = groups_with_several(jobs, [*planned_busy, *holds.busy])
    plans = {
        key: plan_job(
            jobs[key.job],
            job_state,
            now,
            until=until,
            held=jobs[key.job].group in (busy if not job_state.busy else crowded),
            holds=holds,
        )
        for key, job_state in job_states.items()
        if key.job in jobs
    }
    for key, found in list(plans.items()):
        if found.start is not None and found.start.claim.slot is not None and jobs[key.job].after:
            plans[key] = _after(jobs, found, found.start, plans, job_states, now if until is None else until)
    order = places(jobs)
    starts = sorted(
        (found.start for key, found in plans.items() if found.start and (only is None or key.job in only)),
        key=lambda start: rank(jobs[start.claim.job], start, order),
    )
    kept = _within_limits(jobs, starts, holds)
    for key in {start.claim.key for start in starts} - {start.claim.key for start in kept}:
        plans[key] = msgspec.structs.replace(plans[key], start=None, waits="budget")
    return Plan(starts=kept, jobs=plans)


def _within_limits(jobs: Mapping[str, Job], starts: list[Start], holds: Holds) -> list[Start]:
    """Return the first of *starts*, as many as the limits of the tick allow."""
    if holds.events is not None:
        later = set(map(id, [start for start in starts if is_for_event(start)][holds.events :]))
        starts = [start for start in starts if id(start) not in later]
    if holds.sessions is not None:
        sessions = [start for start in starts if takes_session(jobs, start)]
        later = set(map(id, sessions[holds.sessions :]))
        starts = [start for start in starts if id(start) not in later]
    if holds.budget is None:
        return starts
    free = {id(start) for start in starts if asks(jobs[start.claim.job], start)}
    within = {id(start) for start in [start for start in starts if id(start) not in free][: holds.budget]}
    return [start for start in starts if id(start) in free | within]


def _after(
    jobs: Mapping[str, Job],
    found: JobPlan,
    start: Start,
    plans: Mapping[JobKey, JobPlan],
    job_states: Mapping[JobKey, JobState],
    until: Instant,
) -> JobPlan:
    """Return the plan of a job that comes after others.

    It waits until all targets of the other jobs have finished, but not for their slots after *until*. If one of them
    failed, its own slot is skipped.
    """
    others = (jobs[name] for name in jobs[start.claim.job].after if name in jobs)
    for key in chain.from_iterable(map(keys_of, others)):
        plan, job_state = plans.get(key), job_states.get(key)
        if plan is None or job_state is None:
            continue
        waits = plan.start is not None or plan.waits is not None
        waits = waits or job_state.open_run is not None or job_state.busy
        if waits and not _is_later(jobs[key.job], job_state.open_run, until):
            return msgspec.structs.replace(found, start=None, waits="after")
        failed = job_state.last_status in FAILED and not plan.skips  # else its newest slot is skipped now
        if failed and not start.again and start.superseded is None:
            assert start.claim.slot is not None
            first = start.coalesced[0].first if start.coalesced else start.claim.slot
            skip = Skip(
                Span(first, start.claim.slot, start.claim.slots),
                f"{BEHIND}{key.display_name}, which failed",
            )
            return msgspec.structs.replace(found, start=None, skips=(*found.skips, skip))
    return found


def _is_later(job: Job, run: OpenRun | None, until: Instant) -> bool:
    """Return whether *run* is for a slot of *job* that is due after *until*."""
    return run is not None and run.slot is not None and run.slot + job.delay > until


def busy_groups(jobs: Mapping[str, Job], busy: Iterable[str]) -> set[str]:
    """Return the groups of the running jobs *busy*. Other jobs of these groups have to wait."""
    return {jobs[name].group for name in busy if name in jobs} - {""}


def groups_with_several(jobs: Mapping[str, Job], busy: Iterable[str]) -> set[str]:
    """Return the groups of which more than one run is claimed: a run of it that is stopped makes no place for another."""
    groups = [jobs[name].group for name in busy if name in jobs and jobs[name].group]
    return {group for group in groups if groups.count(group) > 1}


def next_due(plans: Iterable[JobPlan], others: Iterable[Instant]) -> Instant | None:
    """Return the earliest instant at which a slot, a retry or one of *others* is due."""
    instants = [found.next_due for found in plans if found.next_due is not None]
    return min([*instants, *others], default=None)
