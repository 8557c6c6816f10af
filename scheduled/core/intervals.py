"""Intervals that count from the end of the last run (`from = "end"`): an epoch has one slot, and its end begins the next."""

from collections.abc import Mapping, Sequence

import msgspec

from scheduled.core.epochs import EpochChange, all_slots_of, base_of, open_slots_of
from scheduled.core.keys import JobKey
from scheduled.core.runs import JobState
from scheduled.schedules.schedule import Schedule, counts_from_end
from scheduled.schedules.zones import Instant


def begins_at(schedules: Sequence[Schedule], end: Instant) -> tuple[Schedule, ...]:
    """Return *schedules*, with the interval counted from *end*."""
    return tuple(msgspec.structs.replace(schedule, phase=end) for schedule in schedules)


def renewal(job_state: JobState, end: Instant) -> EpochChange | None:
    """Return the change by which the interval counts from *end*, the end of a run, or the instant of a skip.

    Return None if the schedule does not count from the end, a run has not ended, or a slot is due already at *end*.
    """
    if not counts_from_end(job_state.schedules) or job_state.open_run is not None:
        return None
    if any(slot > end for slot in job_state.decided):
        return None  # a slot that was skipped in advance keeps its epoch
    base = base_of(job_state)
    due = open_slots_of(job_state).next_after(base)
    if due is not None and due <= end:
        return None
    boundary = max(end, base, job_state.epoch)
    return EpochChange(
        job=job_state.job,
        target=job_state.target,
        boundary=boundary,
        begins=begins_at(job_state.schedules, boundary),
        ends=True,
        continues=True,
    )


def overdue(job_states: Mapping[JobKey, JobState], now: Instant) -> list[EpochChange]:
    """Return the changes for the jobs of which the slot was decided without the end of a run: skipped, by a person or a policy."""
    found = (renewal(one, _decided_at(one, now)) for one in job_states.values() if _is_decided(one, now))
    return [change for change in found if change is not None]


def _is_decided(job_state: JobState, now: Instant) -> bool:
    """Return whether the slot of the epoch is decided at *now*; one that was skipped in advance, from its instant on."""
    if not counts_from_end(job_state.schedules) or job_state.open_run is not None:
        return False
    slot = all_slots_of(job_state).next_after(max(job_state.position, job_state.epoch))
    return slot is None or (slot in job_state.decided and slot <= now)


def _decided_at(job_state: JobState, now: Instant) -> Instant:
    return max(job_state.decided, default=now)


def renewed(job_state: JobState, end: Instant) -> JobState:
    """Return the state after the interval began at *end*; unchanged where `renewal` has no change."""
    change = renewal(job_state, end)
    if change is None:
        return job_state
    boundary = change.boundary
    return msgspec.structs.replace(
        job_state, schedules=change.begins, epoch=boundary, position=boundary, decided=(), former=()
    )


def overdue_renewed(job_states: Mapping[JobKey, JobState], now: Instant) -> dict[JobKey, JobState]:
    """Return the states after the changes of `overdue`."""
    changes = {change.key: change for change in overdue(job_states, now)}
    return {
        key: renewed(state, changes[key].boundary) if key in changes else state
        for key, state in job_states.items()
    }
