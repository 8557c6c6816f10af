"""What a new time zone of the host does to the schedules that follow it."""

from collections.abc import Mapping

import msgspec

from scheduled.core.epochs import EpochChange, base_of, last_slot
from scheduled.core.jobs import Job, keys_of
from scheduled.core.keys import JobKey
from scheduled.core.runs import JobState
from scheduled.schedules.schedule import Schedule, same
from scheduled.schedules.zones import Instant


def zone_changes(
    before: Mapping[str, Job], jobs: Mapping[str, Job], job_states: Mapping[JobKey, JobState], now: Instant
) -> list[EpochChange]:
    """Return the changes of epochs after the host's zone changed.

    *before* are the jobs as the configuration defines them in the old zone, *jobs* in the new one; the epochs have
    the schedules of *before*. Up to *now* the slots are those of the old zone.
    """
    changes = []
    for job in jobs.values():
        for key in keys_of(job):
            job_state = job_states.get(key)
            if job_state is not None and job.name in before and not same(job.schedules, job_state.schedules):
                changes.append(_moved(key, job_state, before[job.name].schedules, job.schedules, now))
    return changes


def _moved(
    key: JobKey,
    job_state: JobState,
    old: tuple[Schedule, ...],
    new: tuple[Schedule, ...],
    now: Instant,
) -> EpochChange:
    boundary = max(now, base_of(job_state), job_state.epoch)
    begins = tuple(
        _kept(schedule, _recorded(before, job_state), job_state.epoch, boundary)
        for before, schedule in zip(old, new, strict=True)
    )
    return EpochChange(
        job=key.job, target=key.target, boundary=boundary, begins=begins, ends=True, continues=True
    )


def _recorded(schedule: Schedule, job_state: JobState) -> Schedule:
    return next((one for one in job_state.schedules if same((one,), (schedule,))), schedule)


def _kept(schedule: Schedule, before: Schedule, epoch: Instant, boundary: Instant) -> Schedule:
    """Return *schedule*, with the slots of *before*, in force since *epoch*, if the zone must not move them.

    It moves no interval, and no instant that has passed, or would have passed without a run in the new zone.
    """
    if schedule.kind == "every" and schedule.anchor is None:
        return msgspec.structs.replace(schedule, phase=last_slot(before, epoch, boundary))
    known = before.anchor if before.phase is None else before.phase
    slot = epoch + 1 if known is None else known
    passes = schedule.anchor is not None and min(slot, schedule.anchor) <= boundary
    if schedule.kind == "every" or (schedule.kind == "at" and passes):
        return msgspec.structs.replace(schedule, phase=slot)
    return schedule
