"""`forecast`: simulate future ticks with the planner that real ticks use.

The simulation assumes that every run succeeds at once and that every gate is open. Outages, quiet hours, pauses, grace,
jitter, catch-up and the budget of a tick apply as configured.
"""

import heapq
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial
from itertools import chain, pairwise
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from scheduled.clock import stamp
from scheduled.core.epochs import minute_before, open_slots_of
from scheduled.core.holds import ON_TIME, Holds, on_time, pauses_of, quiet
from scheduled.core.jobs import PRIORITIES, Job, keys_of
from scheduled.core.keys import JobKey
from scheduled.core.planner import plan, plan_job
from scheduled.core.runs import JobState
from scheduled.core.starts import Start
from scheduled.errors import ConfigError
from scheduled.instance import Instance
from scheduled.queries.view import View, load_view
from scheduled.schedules import instants
from scheduled.schedules.zones import DAY, Instant

# The simulation begins this long before the span, because slots of that time can be deferred into the span. No quiet
# hours last longer than a day.
LEAD = 2 * DAY
# Without these limits a long forecast takes minutes and all memory. MOST runs are those of 10,000 hourly jobs in two
# days. FARTHEST bounds the steps of the whole simulation, which includes the time before the span.
MOST = 500_000
FARTHEST = 4 * MOST
Outage = tuple[Instant, Instant]
Run = tuple[Instant, Instant, JobKey]  # instant of the run, slot, job and target


class Ticks:
    """The instants of ticks: every *cadence* seconds, except within an outage [from, to)."""

    def __init__(self, cadence: int, outages: Iterable[Outage] = ()) -> None:
        self.cadence = cadence
        self._outages = _merged(outages)
        self._starts = [start for start, _ in self._outages]

    def at_or_after(self, instant: Instant) -> Instant:
        """Return the first tick at or after *instant*."""
        tick = -(-instant // self.cadence) * self.cadence
        found = bisect_right(self._starts, tick) - 1
        if found >= 0 and tick < self._outages[found][1]:
            return self.at_or_after(self._outages[found][1])
        return tick

    def before(self, instant: Instant) -> Instant:
        """Return the last tick before *instant*."""
        tick = (instant - 1) // self.cadence * self.cadence
        found = bisect_right(self._starts, tick) - 1
        if found >= 0 and tick < self._outages[found][1]:
            return self.before(self._outages[found][0])
        return tick


def forecast(
    instance: Instance, first: str, last: str, outages: Sequence[str] = (), job: str | None = None
) -> list[dict[str, Any]]:
    """Return the runs from *first* (included) to *last* (excluded), in order, without ticks during *outages* (`A..B`).

    Instants are ISO 8601; without an offset they are in the configured zone. Raise ConfigError if an instant cannot be
    parsed, if there is no such job, or if the forecast is too long.
    """
    view = load_view(instance)
    return _document(between(view, first, last, outages, job), view.zone)


def _merged(outages: Iterable[Outage]) -> list[Outage]:
    merged: list[Outage] = []
    for start, end in sorted(outages):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def simulate(
    view: View, start: Instant, end: Instant, outages: Iterable[Outage] = (), only: str | None = None
) -> list[Run]:
    """Return the runs in [start, end), in order, if no tick happens during *outages*; with *only*, of that job.

    Raise ConfigError as soon as the simulation exceeds its limits.
    """
    outages = list(outages)
    ticks = Ticks(view.cadence, outages)
    chosen = {only: view.job(only)} if only is not None else view.config.jobs
    begin = _begin(view, start, outages)
    job_states = {
        key: _state_at(view.job_states[key], begin, view.now)
        for job in chosen.values()
        for key in keys_of(job)
        if key in view.job_states
    }
    pauses, budget = view.pauses, view.config.max_runs
    if budget is not None:
        together = _together(chosen, job_states, ticks, (begin, end), pauses, budget)
        return list(_bounded(together, start, end, view.zone))
    order = {name: place for place, name in enumerate(chosen)}
    alone = (_alone(chosen[key.job], job_states[key], ticks, (begin, end), pauses) for key in job_states)
    found = _bounded(chain.from_iterable(alone), start, end, view.zone)
    return sorted(found, key=partial(_rank, chosen, order))


def _bounded(found: Iterable[Run | None], start: Instant, end: Instant, zone: str) -> Iterator[Run]:
    """Yield the runs in [start, end); raise ConfigError after MOST of them, or after FARTHEST steps."""
    inside = 0
    for step, run in enumerate(found):
        if run is not None and start <= run[0] < end:
            inside += 1
            yield run
        if inside > MOST or step > FARTHEST:
            raise ConfigError(
                f"from {stamp(start, zone)} to {stamp(end, zone)}: a forecast is limited to {MOST:,} runs; "
                "choose a shorter span, one nearer to now, or a single job"
            )


def _rank(jobs: Mapping[str, Job], order: Mapping[str, int], run: Run) -> tuple[int, int, int, int, str]:
    """Return the sort key of a run: ticks start runs by priority, slot and configuration order."""
    tick, slot, key = run
    return tick, PRIORITIES.index(jobs[key.job].priority), slot, order[key.job], key.target


def _begin(view: View, start: Instant, outages: Iterable[Outage]) -> Instant:
    """Return the instant at which to begin the simulation: slots before the span can run within it."""
    first = min([start, *(outage for outage, _ in outages)])
    if first <= view.now:
        return min(start, view.now)
    begin = max(view.now, first - LEAD)
    caught_up = (until for until in view.pauses.values() if until is not None)
    return view.now if any(until > begin for until in caught_up) else begin


def _state_at(job_state: JobState, begin: Instant, now: Instant) -> JobState:
    """Return the assumed state of a job at the beginning of the simulation; a run that is under way has ended."""
    if begin == now:
        run = job_state.open_run if not job_state.busy else None
        passed = job_state.open_run.slot if job_state.open_run and job_state.busy else None
        position = max(job_state.position, passed or job_state.position)
        return msgspec.structs.replace(job_state, busy=False, open_run=run, position=position)
    before = minute_before(begin)
    # For a span in the past the forecast assumes that the job already existed.
    epoch = min(job_state.epoch, before)
    return msgspec.structs.replace(job_state, busy=False, open_run=None, position=before, epoch=epoch)


def _alone(
    job: Job,
    job_state: JobState,
    ticks: Ticks,
    span: tuple[Instant, Instant],
    pauses: Mapping[JobKey, Instant | None],
) -> Iterator[Run | None]:
    """Yield the runs of one job and target, independent of other jobs, and None for each tick that starts nothing."""
    now = ticks.at_or_after(span[0])
    while now < span[1]:
        found = plan_job(job, job_state, now, holds=_holds_at(ticks, pauses, now))
        job_state = _skipped(job_state, [skip.span.last for skip in found.skips])
        if found.start is not None:
            yield now, found.start.claim.slot or now, job_state.key
            job_state = _ran(job_state, found.start)
            continue
        yield None
        if found.waits is None and job_state.open_run is None:
            for slot, tick in _punctual(job, job_state, ticks, now, span[1], pauses):
                yield tick, slot, job_state.key
                job_state, now = msgspec.structs.replace(job_state, position=slot), tick
            due = open_slots_of(job_state).next_after(max(now - job.delay, job_state.position))
            found = msgspec.structs.replace(found, next_due=None if due is None else due + job.delay)
        if found.next_due is None:
            return
        now = ticks.at_or_after(max(found.next_due, now + 1))


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
        punctual = tick - slot - delay <= in_time and following + delay > tick
        if tick >= end or not punctual or _held_back(job, job_state.key, tick, pauses):
            return
        yield slot, tick


def _held_back(job: Job, key: JobKey, tick: Instant, pauses: Mapping[JobKey, Instant | None]) -> bool:
    if pauses and pauses_of(key, _in_force(pauses, tick)):
        return True
    return job.not_between is not None and quiet(job.not_between, job.zone, tick) is not None


def _together(
    jobs: Mapping[str, Job],
    job_states: dict[JobKey, JobState],
    ticks: Ticks,
    span: tuple[Instant, Instant],
    pauses: Mapping[JobKey, Instant | None],
    budget: int,
) -> Iterator[Run | None]:
    """Yield the runs of jobs that share the budget of a tick, and None each time a tick starts nothing of a job."""
    order = {name: place for place, name in enumerate(jobs)}
    waiting = [(ticks.at_or_after(span[0]), order[key.job], key) for key in job_states]
    heapq.heapify(waiting)
    while waiting and waiting[0][0] < span[1]:
        now, left = waiting[0][0], budget
        due = []
        while waiting and waiting[0][0] == now:
            due.append(heapq.heappop(waiting)[2])
        while due:
            states = {key: job_states[key] for key in due}
            holds = msgspec.structs.replace(_holds_at(ticks, pauses, now), budget=left)
            found = plan({key.job: jobs[key.job] for key in due}, states, now, holds=holds)
            left -= len(found.starts)
            due = []
            for start in found.starts:
                key = start.claim.key
                yield now, start.claim.slot or now, key
                job_states[key] = _ran(job_states[key], start)
                due.append(key)
            for key, job in found.jobs.items():
                if job.waits is not None and jobs[key.job].after and due:
                    due.append(key)  # the jobs in its `after` have run now: plan it again in the same tick
                job_states[key] = _skipped(job_states[key], [skip.span.last for skip in job.skips])
                if key not in due and job.next_due is not None:
                    yield None
                    tick = ticks.at_or_after(max(job.next_due, now + 1))
                    heapq.heappush(waiting, (tick, order[key.job], key))


def _holds_at(ticks: Ticks, pauses: Mapping[JobKey, Instant | None], now: Instant) -> Holds:
    return Holds(pauses=_in_force(pauses, now), planned=ticks.before(now), on_time=on_time(ticks.cadence))


def _in_force(pauses: Mapping[JobKey, Instant | None], now: Instant) -> dict[JobKey, Instant | None]:
    return {key: until for key, until in pauses.items() if until is None or until > now}


def _ran(job_state: JobState, start: Start) -> JobState:
    position = max(job_state.position, start.claim.slot or 0)
    return msgspec.structs.replace(
        job_state, position=position, open_run=None, window_start=start.claim.slot, others=()
    )


def _skipped(job_state: JobState, lasts: Iterable[Instant]) -> JobState:
    position = max([job_state.position, *lasts])
    return (
        job_state if position == job_state.position else msgspec.structs.replace(job_state, position=position)
    )


def between(view: View, first: str, last: str, outages: Iterable[str], only: str | None) -> list[Run]:
    """Return what `simulate` returns, for a span and outages in text form. Raise ConfigError if one is not valid."""
    span = instants.span(first, last, view.zone)
    return simulate(view, *span, [instants.outage(text, view.zone) for text in outages], only)


def _document(runs: Iterable[Run], zone: str) -> list[dict[str, Any]]:
    """Return runs in the form that `forecast --json` prints."""
    here = ZoneInfo(zone)
    return [
        {
            "job": key.job,
            **({"target": key.target} if key.target else {}),
            "scheduled_for": datetime.fromtimestamp(slot, here).isoformat(),
            "runs_at": datetime.fromtimestamp(runs_at, here).isoformat(),
        }
        for runs_at, slot, key in runs
    ]
