"""Simulate future ticks, one step for each job at each tick, with the planner that real ticks use.

The simulation assumes that every run succeeds at once and that every gate is open; a chain ends when its last step has run. Outages, quiet hours, pauses, grace,
jitter, catch-up, the jobs in `after` and the budget of a tick apply as configured. A tick at work makes retries close at
hand itself, at their instants.
"""

import heapq
from collections.abc import Collection, Container, Iterable, Iterator, Mapping
from itertools import islice

from scheduled import question
from scheduled.core.jobs import Job, keys_of
from scheduled.core.keys import JobKey
from scheduled.core.request_queue import RequestQueue
from scheduled.core.runs import JobState
from scheduled.core.tick_times import Outage
from scheduled.queries.simulation.alone import alone
from scheduled.queries.simulation.chains import can_wait
from scheduled.queries.simulation.dependencies import with_all_before
from scheduled.queries.simulation.own_retries import OwnRetry
from scheduled.queries.simulation.simulated import Step, state_at
from scheduled.queries.simulation.together import together
from scheduled.queries.view import View
from scheduled.schedules.zones import DAY, Instant

# How far ahead a single next run is looked for.
FAR = 40 * 366 * DAY
FIRST = 20_000  # how many steps of all jobs together are simulated to find the first runs of one of them


def steps(
    view: View,
    begin: Instant,
    end: Instant,
    outages: Iterable[Outage] = (),
    only: Collection[JobKey] | None = None,
    without: Container[JobKey] = (),
    *,
    most: int | None = None,
    budget: bool = True,
) -> Iterator[Step]:
    """Yield what the ticks in [begin, end) do, in order of time; with *only*, with those jobs and targets. Leave out *without*.

    Stop after *most* steps, those of all jobs counted. Without *budget*, `max_runs` does not apply.
    They do nothing as long as the configuration cannot be read.
    """
    if view.config.unreadable:
        return iter(())
    jobs = view.config.jobs
    chosen: Mapping[str, Job] = jobs if only is None else {key.job: jobs[key.job] for key in only}
    outages = list(outages)
    ticks = view.ticks_from(begin, outages)
    states = _states_at(view, begin, end, outages)
    shared = _sharing(view, states, chosen, budget=budget)
    requests = view.holds.start_requests if begin == view.now else RequestQueue()
    streams = [
        alone(
            view.config.jobs[key.job],
            states[key],
            ticks,
            (begin, end),
            view.pauses,
            requests.only([key]),
            own_of(view, key, requests) if begin == view.now else (),
        )
        for key in question.each(states)
        if is_in(only, key) and key not in shared and key not in without
    ]
    if any(key not in without for key in shared):
        sharing = {key: states[key] for key in shared}
        own = [retry for retry in view.own_retries if begin == view.now]
        streams.append(together(view, sharing, ticks, (begin, end), requests, own))
    found = question.each(islice(heapq.merge(*streams, key=lambda step: step.tick), most))
    return (step for step in found if is_in(only, step.key) and step.key not in without)


def is_in(only: Collection[JobKey] | None, key: JobKey) -> bool:
    """Return whether *key* is one of *only*, or a target of one; true for every key if that is None."""
    return only is None or key in only or JobKey(key.job) in only


def own_of(view: View, key: JobKey, requests: RequestQueue) -> list[OwnRetry]:
    """Return the instants at which a tick at work starts *key*: its retries; with start requests, also those of others."""
    return [retry for retry in view.own_retries if retry.key == key or key in requests]


def _states_at(view: View, begin: Instant, end: Instant, outages: Iterable[Outage]) -> dict[JobKey, JobState]:
    """Return the assumed states at *begin* of the jobs that the simulation is about."""
    states = view.states_with(outages)
    return {
        key: state_at(states[key], begin, view.now)
        for job in view.config.jobs.values()
        for key in keys_of(job)
        if key in states and (end > view.now or end <= states[key].epoch + 1)
    }


def _sharing(
    view: View, states: Collection[JobKey], chosen: Mapping[str, Job], *, budget: bool
) -> set[JobKey]:
    """Return the jobs and targets that depend on others, or chains that wait, which must be simulated together."""
    jobs = view.config.jobs
    if budget and view.config.max_runs is not None:
        return set(states)
    names = {name for name in chosen if jobs[name].after or can_wait(view, name)}
    names |= view.sharing_sessions if not view.sharing_sessions.isdisjoint(chosen) else set()
    names = with_all_before(jobs, names | (view.crowded if not view.crowded.isdisjoint(chosen) else set()))
    return {key for key in states if key.job in names}
