"""Epochs: the slots of a job's schedules, and the effect of adding, removing or changing schedules."""

from collections.abc import Iterable, Mapping, Sequence

from scheduled.core.jobs import Job, keys_of
from scheduled.core.keys import JobKey, Keyed
from scheduled.core.runs import JobState, OpenRun, Span
from scheduled.schedules import timetable
from scheduled.schedules.kinds.registry import timetable_of
from scheduled.schedules.schedule import Schedule, same
from scheduled.schedules.timetable import Timetable
from scheduled.schedules.zones import MINUTE, Instant


class EpochChange(Keyed, frozen=True, kw_only=True):
    """A change of a job's schedules at *boundary*.

    *begins* are the new schedules, empty if the job is removed or disabled. *ends* is true if an old epoch
    ends. *skipped* are the open slots of the old schedules. *abandoned* is a run of the old schedules that
    waits for a retry.
    """

    job: str
    target: str = ""
    boundary: Instant
    begins: tuple[Schedule, ...]
    ends: bool
    skipped: Span | None = None
    abandoned: OpenRun | None = None


def minute_before(now: Instant) -> Instant:
    """Return the last instant before the current minute; a slot in the current minute comes after it."""
    return now - now % MINUTE - 1


def slots_of(schedules: Sequence[Schedule], epoch: Instant) -> Timetable:
    """Return the timetable of *schedules*, which came into force at the instant *epoch*.

    *epoch* fixes the phase of an `every` without an anchor. The timetable may also have slots before *epoch*,
    which do not count. A slot of several schedules counts once. Raise ScheduleError if a schedule is invalid.
    """
    if len(schedules) == 1:
        return timetable_of(schedules[0], epoch)
    return timetable.union(timetable_of(schedule, epoch) for schedule in schedules)


def span_between(times: Timetable, after: Instant, until: Instant) -> Span | None:
    """Return the slots in (after, until] as one span, or None if there are none."""
    found = times.span(after, until)
    return Span(*found) if found else None


def open_slots_of(schedules: Sequence[Schedule], job_state: JobState) -> Timetable:
    """Return the timetable of the job's open epoch without the slots that are already decided."""
    times = slots_of(schedules, job_state.epoch)
    return timetable.without(times, job_state.decided) if job_state.decided else times


def epoch_changes(
    jobs: Mapping[str, Job], job_states: Mapping[JobKey, JobState], unknown: bool, now: Instant
) -> list[EpochChange]:
    """Return the differences between the configured jobs, with their targets, and the open epochs.

    If *unknown* is true (a configuration file could not be read), a job that is missing from *jobs* keeps its
    epoch. The epoch of a target that its job no longer has always ends.
    """
    changes, known = [], set()
    for job in jobs.values():
        for key in keys_of(job):
            known.add(key)
            job_state = job_states.get(key)
            wanted = job.schedules if job.enabled else ()
            if not same(wanted, job_state.schedules if job_state else ()):
                changes.append(_change(key, job_state, wanted, now))
    gone = [key for key in job_states if key not in known and (key.job in jobs or not unknown)]
    return changes + [_change(key, job_states[key], (), now) for key in gone]


def _change(
    key: JobKey, job_state: JobState | None, wanted: tuple[Schedule, ...], now: Instant
) -> EpochChange:
    boundary = minute_before(now)
    if job_state is None:
        return EpochChange(job=key.job, target=key.target, boundary=boundary, begins=wanted, ends=False)
    run = job_state.open_run
    # A run in progress keeps its slot; only a run that waits for a retry is abandoned.
    abandoned = run if run is not None and run.status == "waiting_retry" else None
    base = base_of(job_state)
    boundary = max(boundary, base)
    skipped = span_between(open_slots_of(job_state.schedules, job_state), base, boundary)
    return EpochChange(
        job=key.job,
        target=key.target,
        boundary=boundary,
        begins=wanted,
        ends=True,
        skipped=skipped,
        abandoned=abandoned,
    )


def after(job_states: Mapping[JobKey, JobState], changes: Iterable[EpochChange]) -> dict[JobKey, JobState]:
    """Return the job states as they will be after *changes*; nothing is written."""
    found = dict(job_states)
    for change in changes:
        old = found.pop(change.key, None)
        if change.begins:
            found[change.key] = JobState(
                job=change.job,
                target=change.target,
                position=change.boundary,
                epoch=change.boundary,
                schedules=change.begins,
                window_start=old.window_start if old else None,
                busy=old.busy if old else False,
            )
    return found


def base_of(job_state: JobState) -> Instant:
    """Return the instant up to which every slot of the job has a verdict or a run."""
    run = job_state.open_run
    return job_state.position if run is None or run.slot is None else max(job_state.position, run.slot)
