"""The state of a job in the simulation of future ticks: what is assumed of it, and what a tick does to it.

Every run succeeds at once; one that asks for approval gets it at once, but one that has asked already gets no answer.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import msgspec

from scheduled.core import approvals, deferrals
from scheduled.core.deferrals import GivenUp
from scheduled.core.epochs import minute_before, open_slots_of
from scheduled.core.holds import Holds, on_time, pauses_of
from scheduled.core.intervals import renewed
from scheduled.core.job_plan import JobPlan
from scheduled.core.jobs import Job
from scheduled.core.keys import JobKey
from scheduled.core.request_queue import RequestQueue
from scheduled.core.runs import JobState, Skip
from scheduled.core.starts import Start
from scheduled.core.tick_times import Ticks
from scheduled.schedules.schedule import counts_from_end
from scheduled.schedules.zones import Instant

Run = tuple[Instant, Instant | None, JobKey]  # instant of the run, the slot that it is for, job and target


class Step(NamedTuple):
    """What one tick does with one job or target: it gives up *given_up*, skips *skips* and starts *start*, if any."""

    tick: Instant
    key: JobKey
    start: Start | None = None
    slot: Instant | None = None  # of a run on time, for which there is no start
    skips: tuple[Skip, ...] = ()
    given_up: tuple[GivenUp, ...] = ()
    if_succeeded: bool = (
        False  # another run of the job was due before; if it fails, this one starts in the same tick
    )

    @property
    def run(self) -> Run | None:
        """The run that the tick starts; instead of a slot, the instant that was given with it, if any."""
        slot = self.start.claim.scheduled_for if self.start is not None else self.slot
        return None if slot is None and self.start is None else (self.tick, slot, self.key)


def left(requests: RequestQueue, starts: Iterable[Start]) -> RequestQueue:
    """Return the start requests that *starts* do not use up: each takes the oldest of its job or target."""
    used = [start.claim.key for start in starts if start.request is not None]
    return requests.without(used) if used else requests


def state_at(job_state: JobState, begin: Instant, now: Instant) -> JobState:
    """Return the assumed state of a job at the beginning of the simulation; a run that is under way has ended."""
    if begin == now:
        run = job_state.open_run if not job_state.busy else None
        passed = job_state.open_run.slot if job_state.open_run and job_state.busy else None
        position = max(job_state.position, passed or job_state.position)
        status = "success" if job_state.busy else job_state.last_status
        after = msgspec.structs.replace(
            job_state, busy=False, open_run=run, position=position, last_status=status
        )
        return after if passed is None else renewed(after, _expected_end(job_state, now))
    before = minute_before(begin)
    # For a span in the past the forecast assumes that the job already existed.
    epoch = min(job_state.epoch, before)
    return msgspec.structs.replace(
        job_state, busy=False, open_run=None, position=before, epoch=epoch, occupied=()
    )


def _expected_end(job_state: JobState, now: Instant) -> Instant:
    """Return when the run under way will have ended, if it takes as long as expected."""
    run = job_state.open_run
    began = now if run is None or run.started_at is None else int(run.started_at)
    return max(now, began + job_state.expected)


def due_next(job: Job, job_state: JobState, found: JobPlan, now: Instant) -> Instant | None:
    """Return when *job* is due again after a plan at *now* that starts nothing; *job_state* is its state after the skips.

    An interval that counts from the end of the last run counts from the skip.
    """
    if found.skips and counts_from_end(job_state.schedules):
        return next_due(job, job_state, now)
    return found.next_due


def needs_person(
    found: JobPlan, job: Job, job_state: JobState, pauses: Mapping[JobKey, Instant | None]
) -> bool:
    """Return whether nothing starts until a person decides or resumes: further steps would do nothing for years."""
    if found.waits == "ask":
        return approvals.lasts(job, job_state)
    ends = pauses_of(job_state.key, pauses).values()
    return found.waits == "paused" and any(until is None for until in ends)


def holds_at(
    ticks: Ticks, pauses: Mapping[JobKey, Instant | None], now: Instant, requests: RequestQueue
) -> Holds:
    """Return what holds runs back at *now*, at which one of *ticks* plans; every gate is open."""
    return Holds(
        pauses=in_force(pauses, now),
        planned=ticks.before(now - ticks.late),
        on_time=on_time(ticks.cadence),
        start_requests=requests,
        booted=ticks.boot[0],
        first_tick=ticks.boot[1],
    )


def in_force(pauses: Mapping[JobKey, Instant | None], now: Instant) -> dict[JobKey, Instant | None]:
    """Return the pauses that have not ended at *now*."""
    return {key: until for key, until in pauses.items() if until is None or until > now}


def ran(job_state: JobState, start: Start, at: Instant) -> JobState:
    """Return the state of a job after the run *start*, started *at*, has succeeded."""
    position = max(job_state.position, start.claim.slot or 0)
    others = tuple(run for run in job_state.others if run.run_id != start.claim.run_id)
    after = msgspec.structs.replace(job_state, position=position, others=others, last_status="success")
    if start.claim.slot is None:
        return after
    return renewed(
        msgspec.structs.replace(after, open_run=None, window_start=start.claim.slot), at + job_state.expected
    )


def without(job_state: JobState, given: Sequence[GivenUp], at: Instant) -> JobState:
    """Return the state of a job after the runs *given* were given up *at*, see `deferrals`."""
    return renewed(deferrals.without(job_state, given), at) if given else job_state


def skipped(job_state: JobState, lasts: Iterable[Instant], at: Instant) -> JobState:
    """Return the state of a job after the slots up to *lasts* were skipped *at*."""
    position = max([job_state.position, *lasts])
    if position == job_state.position:
        return job_state
    return renewed(msgspec.structs.replace(job_state, position=position), at)


def next_due(job: Job, job_state: JobState, now: Instant) -> Instant | None:
    """Return when a slot after *now*, or a retry of a run without a slot, is due."""
    due = open_slots_of(job_state).next_after(max(now - job.delay, job_state.position))
    retries = (run.retry_at for run in job_state.others if run.retry_at is not None)
    return min((*retries, *(() if due is None else (due + job.delay,))), default=None)
