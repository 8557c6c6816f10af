"""Call the planner with the configuration and the ledger, and record its decisions in the ledger.

Functions that write are called inside an exclusive transaction of the caller.
"""

from collections.abc import Collection, Mapping
from functools import partial

import msgspec

from scheduled.config.config import Config
from scheduled.core import left_open, planner
from scheduled.core.configured_jobs import Jobs
from scheduled.core.holds import Holds
from scheduled.core.jobs import Job, keys_of
from scheduled.core.keys import JobKey
from scheduled.core.planner import Plan
from scheduled.core.records import CHAIN
from scheduled.core.request_queue import RequestQueue
from scheduled.core.runs import UNDER_WAY, Claim, JobState, OpenReason
from scheduled.core.starts import is_for_event, sessions_left
from scheduled.engine import gaps, skips
from scheduled.schedules.schedule import counts_from_end
from scheduled.schedules.zones import Instant
from scheduled.state.ledger import Ledger, Positions, Runs
from scheduled.state.verdicts import record_skip


class Gates(msgspec.Struct, frozen=True):
    """The names of jobs with a closed gate, and of those with a gate that was not evaluated.

    *refused* are those with a gate that has answered, and that skips slots (`else = "skip"`). A gate applies to all targets of a job.
    """

    closed: frozenset[str] = frozenset()
    refused: frozenset[str] = frozenset()
    unchecked: frozenset[str] = frozenset()


def with_occupied(
    ledger: Runs, jobs: Jobs, job_states: dict[JobKey, JobState], now: Instant
) -> dict[JobKey, JobState]:
    """Add to the states of jobs with `overlap` when their runs were under way; *now* is the end of a run that still is."""
    for key, job_state in job_states.items():
        if key.job in jobs and jobs[key.job].overlap in ("queue", "skip"):
            spans = ((began, now if ended is None else ended)
                     for began, ended in ledger.occupied(key, job_state.position))  # fmt: skip
            job_states[key] = msgspec.structs.replace(job_state, occupied=tuple(spans))
    return job_states


def plan_and_record(  # noqa: PLR0913 - each caller gives few of them
    ledger: Ledger,
    config: Config,
    now: Instant,
    *,
    only: Collection[str] | None = None,
    keys: Collection[JobKey] | None = None,
    until: Instant | None = None,
    gates: Gates = Gates(),  # noqa: B008 - immutable
    budget: int | None = None,
    events: int | None = None,
    sessions: int | None = None,
    slots_of: Collection[str] | None = None,
    tick: str = "",
) -> Plan:
    """Plan all jobs, or only *keys*, for slots up to *until* (default: *now*), and return the plan.

    With *slots_of*, start requests of other jobs are planned before their slots (see `Holds`).
    Record skipped slots, open reasons and the next due instants in the ledger. Starts are not claimed. Jobs that
    subscribe to the event of a skip are planned as well.
    """
    held = partial(holds_now, ledger, config.jobs, now, gates=gates, slots_of=slots_of)
    holds = held(keys, budget=budget, events=events, sessions=sessions)
    if keys is not None:
        holds = msgspec.structs.replace(holds, busy=_busy_mates(ledger, config.jobs, keys, tick))
    found = _plan_and_record(ledger, config, now, only, keys, until, holds)
    heard = skips.announce(ledger, config.jobs, found.events, now)
    heard -= {start.claim.key for start in found.starts}
    if not heard:
        return found
    left = None if budget is None else max(0, budget - len(found.starts))
    events = None if events is None else max(0, events - sum(map(is_for_event, found.starts)))
    sessions = sessions_left(config.jobs, sessions, found.starts)
    holds = held(heard, budget=left, events=events, sessions=sessions)
    holds = msgspec.structs.replace(holds, busy=_busy_mates(ledger, config.jobs, heard, tick))
    more = _plan_and_record(ledger, config, now, only, heard, until, holds)
    return Plan(
        starts=[*found.starts, *more.starts],
        jobs=found.jobs | {key: more.jobs[key] for key in heard if key in more.jobs},
        events=(*found.events, *more.events),
    )


def _busy_mates(ledger: Runs, jobs: Jobs, keys: Collection[JobKey], tick: str) -> frozenset[str]:
    """Return the jobs in the groups of *keys* with a run under way that was claimed by another tick than *tick*.

    The supervisor of a tick runs its own runs of a group one after another.
    """
    groups = {jobs[key.job].group for key in keys if key.job in jobs} - {""}
    names = [name for group in groups for name in jobs.in_group.get(group, ())]
    mates = [key for name in names if name in jobs for key in keys_of(jobs[name])]
    under_way = (run for run in ledger.open_runs(mates) if run.status in UNDER_WAY)
    return frozenset(run.job for run in under_way if run.tick not in (tick, CHAIN))


def _plan_and_record(
    ledger: Ledger,
    config: Config,
    now: Instant,
    only: Collection[str] | None,
    keys: Collection[JobKey] | None,
    until: Instant | None,
    holds: Holds,
) -> Plan:
    job_states = ledger.job_states(None if keys is None else _with_those_before(config.jobs, keys))
    job_states = with_occupied(ledger, config.jobs, job_states, now)
    found = planner.plan(config.jobs, job_states, now, only, until, holds)
    events = []
    for key, job in found.jobs.items():
        for skip in job.skips:
            record_skip(ledger, job_states[key], skip, now)
            events.append(skips.skipped(key, skip.span, skip.reason, config.timezone))
        waits, due = job.waits, job.next_due
        if holds.seen > (now if until is None else until) and job.start is None and waits is None:
            waits = left_open.of_later_slots(config.jobs[key.job], job_states[key], job, holds.seen)
            due = now if waits is not None else due
        if job.skips and waits is None and counts_from_end(job_states[key].schedules):
            from scheduled.engine import intervals  # most configurations have none

            due = intervals.due_after_skip(ledger, config.jobs[key.job], key, now)
        ledger.wait(key, waits, due)
    for key in sorted(job_states.keys() - found.jobs.keys()):
        ledger.wait(key, "paused", None)  # its configuration file can't be read now
    return msgspec.structs.replace(found, events=tuple(events))


def _with_those_before(jobs: Mapping[str, Job], keys: Collection[JobKey]) -> set[JobKey]:
    """Return *keys* and those that they come after, which the planner needs to plan them."""
    names = {other for key in keys if key.job in jobs for other in jobs[key.job].after}
    return {*keys, *(key for name in names if name in jobs for key in keys_of(jobs[name]))}


def holds_now(  # noqa: PLR0913 - each caller gives few of them
    ledger: Ledger,
    jobs: Jobs,
    now: Instant,
    keys: Collection[JobKey] | None = None,
    *,
    gates: Gates = Gates(),  # noqa: B008 - immutable
    budget: int | None = None,
    events: int | None = None,
    sessions: int | None = None,
    slots_of: Collection[str] | None = None,
) -> Holds:
    """Return what holds back starts at *now*: pauses, start requests, *gates*, *budget*, *events*, *sessions* and *slots_of*.

    Of the start requests it has the oldest of each of *keys* (None: of every job and target).
    """
    asked = ledger.requested_keys() if keys is None else keys
    booted, first_tick = 0, 0
    if jobs.delays_starts:
        from scheduled.engine import boots  # most configurations have none

        booted, first_tick = boots.instants(ledger)
    return Holds(
        pauses=ledger.pauses(now),
        closed=gates.closed,
        refused=gates.refused,
        unchecked=gates.unchecked,
        budget=budget,
        events=events,
        sessions=sessions,
        start_requests=RequestQueue(ledger.oldest_start_requests(asked)),
        planned=gaps.last_planned(ledger, now),
        seen=int(ledger.meta(gaps.PLANNED) or 0),
        gaps=gaps.recorded(ledger),
        on_time=gaps.tolerated(ledger),
        slots_of=None if slots_of is None else frozenset(slots_of),
        booted=booted,
        first_tick=first_tick,
    )


def holds_with_all(ledger: Ledger, jobs: Jobs, now: Instant) -> Holds:
    """Return what `holds_now` returns, with all start requests: predictions need more than the oldest."""
    holds = holds_now(ledger, jobs, now, ())
    return msgspec.structs.replace(holds, start_requests=RequestQueue(ledger.start_requests()))


def record_left_over(
    ledger: Positions, found: Plan, planned: Instant, queued: Collection[JobKey], rest: OpenReason = "due"
) -> None:
    """Record why slots that were due at *planned*, when a tick last planned, have not started.

    The open reason is `queued` for the jobs *queued*, of which another run is under way or no executor took the run.
    Otherwise it is *rest*: the next tick starts it. It is also `queued` as long as the run that it replaces has not ended.
    """
    for key, job in found.jobs.items():
        if job.start is not None and left_open.has_seen(job.start, planned):
            ledger.wait(key, "queued" if key in queued or job.start.replaces else rest, job.next_due)


def record_unclaimed(
    ledger: Ledger, found: Plan, claimed: Collection[Claim], untaken: Collection[JobKey]
) -> None:
    """Record why slots of *found* stay open that are not among the runs *claimed*. No executor took runs of *untaken*."""
    runs = {(claim.key, claim.slot) for claim in claimed}
    left = {
        key: job
        for key, job in found.jobs.items()
        if job.start is not None and (key, job.start.claim.slot) not in runs
    }
    if left:
        planned = int(ledger.meta(gaps.PLANNED) or 0)
        queued = {*untaken, *(claim.key for claim in claimed)}
        record_left_over(ledger, Plan(starts=[], jobs=left), planned, queued)
