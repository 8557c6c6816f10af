"""Simulate future ticks, one step for each job at each tick, with the planner that real ticks use.

The simulation assumes that every run succeeds at once and that every gate is open. Outages, quiet hours, pauses, grace,
jitter, catch-up, the jobs in `after` and the budget of a tick apply as configured.
"""

import heapq
from collections.abc import Collection, Container, Iterable, Iterator, Mapping
from itertools import pairwise
from typing import NamedTuple

import msgspec

from scheduled.core.epochs import minute_before, open_slots_of
from scheduled.core.holds import ON_TIME, Holds, on_time, pauses_of, quiet
from scheduled.core.jobs import Job, keys_of
from scheduled.core.keys import JobKey
from scheduled.core.planner import JobPlan, plan, plan_job
from scheduled.core.runs import JobState, Skip, StartRequest
from scheduled.core.starts import Start
from scheduled.core.tick_times import Outage, Ticks
from scheduled.queries.dependencies import steps_ran, with_all_before, with_those_before
from scheduled.queries.turns import leaves_retry, leaving_retries
from scheduled.queries.view import View
from scheduled.schedules.zones import DAY, Instant

# How far ahead a single next run is looked for.
FAR = 40 * 366 * DAY
Run = tuple[Instant, Instant | None, JobKey]  # instant of the run, the slot that it is for, job and target


class Step(NamedTuple):
    """What one tick does with one job or target: it starts *start*, if there is one, and skips *skips*."""

    tick: Instant
    key: JobKey
    start: Start | None = None
    slot: Instant | None = None  # of a run on time, for which there is no start
    skips: tuple[Skip, ...] = ()

    @property
    def run(self) -> Run | None:
        """The run that the tick starts; instead of a slot, the instant that was given with it, if any."""
        slot = self.start.claim.scheduled_for if self.start is not None else self.slot
        return None if slot is None and self.start is None else (self.tick, slot, self.key)


def steps(
    view: View,
    begin: Instant,
    end: Instant,
    outages: Iterable[Outage] = (),
    only: str | None = None,
    without: Container[JobKey] = (),
) -> Iterator[Step]:
    """Yield what the ticks in [begin, end) do, in order of time; with *only*, with that job. Leave out *without*.

    They do nothing as long as the configuration cannot be read.
    """
    if view.config.unreadable:
        return iter(())
    chosen = {only: view.job(only)} if only is not None else view.config.jobs
    outages = list(outages)
    ticks = view.ticks_from(begin, outages)
    states = _states_at(view, begin, end, outages)
    shared = _sharing(view, states, chosen)
    requests = view.holds.start_requests if begin == view.now else ()
    streams = [
        alone(
            view.config.jobs[key.job],
            states[key],
            ticks,
            (begin, end),
            view.pauses,
            requests_of(key, requests),
        )
        for key in states
        if key.job in chosen and key not in shared and key not in without
    ]
    if any(key not in without for key in shared):
        sharing = {key: states[key] for key in shared}
        streams.append(together(view, sharing, ticks, (begin, end), requests))
    found = heapq.merge(*streams, key=lambda step: step.tick)
    return (step for step in found if step.key.job == (only or step.key.job) and step.key not in without)


def requests_of(key: JobKey, requests: tuple[StartRequest, ...]) -> tuple[StartRequest, ...]:
    """Return the start requests for *key*."""
    return tuple(row for row in requests if row.key == key) if requests else ()


def _left(requests: tuple[StartRequest, ...], starts: Iterable[Start]) -> tuple[StartRequest, ...]:
    used = {start.request for start in starts}
    return tuple(row for row in requests if row.id not in used) if requests else ()


def _states_at(view: View, begin: Instant, end: Instant, outages: Iterable[Outage]) -> dict[JobKey, JobState]:
    """Return the assumed states at *begin* of the jobs that the simulation is about."""
    states = view.states_with(outages)
    return {
        key: state_at(states[key], begin, view.now)
        for job in view.config.jobs.values()
        for key in keys_of(job)
        if key in states and (end > view.now or end <= states[key].epoch + 1)
    }


def _sharing(view: View, states: Collection[JobKey], chosen: Mapping[str, Job]) -> set[JobKey]:
    """Return the jobs and targets that depend on others, so that they must be simulated together."""
    jobs = view.config.jobs
    if view.config.max_runs is not None:
        return set(states)
    names = with_all_before(jobs, (name for name in chosen if jobs[name].after))
    return {key for key in states if key.job in names}


def state_at(job_state: JobState, begin: Instant, now: Instant) -> JobState:
    """Return the assumed state of a job at the beginning of the simulation; a run that is under way has ended."""
    if begin == now:
        run = job_state.open_run if not job_state.busy else None
        passed = job_state.open_run.slot if job_state.open_run and job_state.busy else None
        position = max(job_state.position, passed or job_state.position)
        status = "success" if job_state.busy else job_state.last_status
        return msgspec.structs.replace(
            job_state, busy=False, open_run=run, position=position, last_status=status
        )
    before = minute_before(begin)
    # For a span in the past the forecast assumes that the job already existed.
    epoch = min(job_state.epoch, before)
    return msgspec.structs.replace(job_state, busy=False, open_run=None, position=before, epoch=epoch)


def alone(
    job: Job,
    job_state: JobState,
    ticks: Ticks,
    span: tuple[Instant, Instant],
    pauses: Mapping[JobKey, Instant | None],
    requests: tuple[StartRequest, ...] = (),
) -> Iterator[Step]:
    """Yield the steps of one job and target, independent of other jobs, also those that do nothing."""
    now, key = ticks.at_or_after(span[0]), job_state.key
    while now < span[1]:
        holds = _holds_at(ticks, pauses, now + ticks.late, requests)
        found = plan_job(job, job_state, now + ticks.late, holds=holds)
        job_state = _skipped(job_state, [skip.span.last for skip in found.skips])
        yield Step(now, key, found.start, skips=found.skips)
        if found.start is not None:
            job_state = _ran(job_state, found.start)
            requests = _left(requests, [found.start])
            if leaves_retry(job, job_state, found.start, requests, now + ticks.late):
                now = ticks.at_or_after(now + ticks.late + 1)
            continue
        if found.waits is None and job_state.open_run is None:
            for slot, tick in _punctual(job, job_state, ticks, now, span[1], pauses):
                yield Step(tick, key, slot=slot)
                job_state, now = msgspec.structs.replace(job_state, position=slot), tick
            due = open_slots_of(job_state).next_after(max(now - job.delay, job_state.position))
            retries = (run.retry_at for run in job_state.others if run.retry_at is not None)
            next_due = min((*retries, *(() if due is None else (due + job.delay,))), default=None)
            found = msgspec.structs.replace(found, next_due=next_due)
        if found.next_due is None or _needs_person(found, key, pauses):
            return
        now = ticks.at_or_after(max(found.next_due, now + ticks.late + 1))


def _punctual(
    job: Job,
    job_state: JobState,
    ticks: Ticks,
    now: Instant,
    end: Instant,
    pauses: Mapping[JobKey, Instant | None],
) -> Iterator[tuple[Instant, Instant]]:
    """Yield (slot, tick) as long as each slot is on time, alone at its tick, and not held back.

    The planner would give the same result for these slots, but ten times slower.
    """
    delay = job.delay
    in_time = ON_TIME if job.grace is None else min(job.grace, ON_TIME)
    times = open_slots_of(job_state)
    after = max(now - delay, job_state.position)
    for slot, following in pairwise(times.between(after, end + 2 * DAY)):
        tick = ticks.at_or_after(slot + delay)
        punctual = tick + ticks.late - slot - delay <= in_time and following + delay > tick
        if tick >= end or not punctual or _held_back(job, job_state.key, tick, pauses):
            return
        yield slot, tick


def _held_back(job: Job, key: JobKey, tick: Instant, pauses: Mapping[JobKey, Instant | None]) -> bool:
    if pauses and pauses_of(key, _in_force(pauses, tick)):
        return True
    return job.not_between is not None and quiet(job.not_between, job.zone, tick) is not None


def together(
    view: View,
    job_states: dict[JobKey, JobState],
    ticks: Ticks,
    span: tuple[Instant, Instant],
    requests: tuple[StartRequest, ...] = (),
) -> Iterator[Step]:
    """Yield the steps of jobs that share the budget of a tick or come after each other."""
    jobs, pauses = view.config.jobs, view.pauses
    order = {name: place for place, name in enumerate(jobs)}
    waiting = [(ticks.at_or_after(span[0]), order[key.job], key) for key in job_states]
    heapq.heapify(waiting)
    while waiting and waiting[0][0] < span[1]:
        now, left = waiting[0][0], view.config.max_runs
        due = _pop(waiting, now)
        while due:
            holds = _holds_at(ticks, pauses, now + ticks.late, requests)
            holds = msgspec.structs.replace(holds, budget=left)
            states = with_those_before(jobs, job_states, due)
            needed = {key.job: jobs[key.job] for key in sorted(states, key=lambda key: order[key.job])}
            found = plan(needed, states, now + ticks.late, holds=holds)
            starts = {start.claim.key: start for start in found.starts}
            left = None if left is None else left - len(starts)
            requests = _left(requests, found.starts)
            for key in dict.fromkeys([*due, *starts]):
                step = Step(now, key, starts.get(key), skips=found.jobs[key].skips)
                yield step
                job_states[key] = _skipped(job_states[key], [skip.span.last for skip in step.skips])
            for key, start in starts.items():
                job_states[key] = _ran(job_states[key], start)
                job_states |= steps_ran(jobs, jobs[key.job], job_states)
            next_tick = ticks.at_or_after(now + ticks.late + 1)
            later = leaving_retries(jobs, job_states, starts, requests, now + ticks.late)
            for key in later:
                heapq.heappush(waiting, (next_tick, order[key.job], key))
            again = [key for key in starts if key not in later]
            for key in due:
                job = found.jobs[key]
                if key in starts:
                    continue
                if job.waits is not None and jobs[key.job].after and starts:
                    again.append(key)  # the jobs in its `after` have run now: plan it again in the same tick
                elif job.next_due is not None and not _needs_person(job, key, pauses):
                    tick = ticks.at_or_after(max(job.next_due, now + ticks.late + 1))
                    heapq.heappush(waiting, (tick, order[key.job], key))
            due = again


def _needs_person(found: JobPlan, key: JobKey, pauses: Mapping[JobKey, Instant | None]) -> bool:
    """Return whether nothing starts until a person decides or resumes: further steps would do nothing for years."""
    return found.waits == "ask" or (
        found.waits == "paused" and any(until is None for until in pauses_of(key, pauses).values())
    )


def _pop(waiting: list[tuple[Instant, int, JobKey]], now: Instant) -> list[JobKey]:
    """Remove what is due at *now* from the heap *waiting*, and return each job and target once."""
    due: dict[JobKey, None] = {}
    while waiting and waiting[0][0] == now:
        due[heapq.heappop(waiting)[2]] = None
    return list(due)


def _holds_at(
    ticks: Ticks, pauses: Mapping[JobKey, Instant | None], now: Instant, requests: tuple[StartRequest, ...]
) -> Holds:
    return Holds(
        pauses=_in_force(pauses, now),
        planned=ticks.before(now - ticks.late),
        on_time=on_time(ticks.cadence),
        start_requests=requests,
    )


def _in_force(pauses: Mapping[JobKey, Instant | None], now: Instant) -> dict[JobKey, Instant | None]:
    return {key: until for key, until in pauses.items() if until is None or until > now}


def _ran(job_state: JobState, start: Start) -> JobState:
    position = max(job_state.position, start.claim.slot or 0)
    others = tuple(run for run in job_state.others if run.run_id != start.claim.run_id)
    ran = msgspec.structs.replace(job_state, position=position, others=others, last_status="success")
    if start.claim.slot is None:
        return ran
    return msgspec.structs.replace(ran, open_run=None, window_start=start.claim.slot)


def _skipped(job_state: JobState, lasts: Iterable[Instant]) -> JobState:
    position = max([job_state.position, *lasts])
    return (
        job_state if position == job_state.position else msgspec.structs.replace(job_state, position=position)
    )
