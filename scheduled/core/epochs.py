"""Epochs: what slots the schedules of a job have, and what becomes of them when these come, go or change. Pure."""

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
    """A job's schedules came, went or changed at *boundary*: now there are those that it *begins*, which may be none.

    *skipped* are the old schedules' open slots.
    """

    job: str
    target: str = ""
    boundary: Instant
    begins: tuple[Schedule, ...]
    ends: bool
    skipped: Span | None = None
    abandoned: OpenRun | None = None


def minute_before(now: Instant) -> Instant:
    """Return the last instant before the current minute: a slot in this very minute lies after it."""
    return now - now % MINUTE - 1


def slots_of(schedules: Sequence[Schedule], epoch: Instant) -> Timetable:
    """Given schedules and the beginning of their epoch, return their slots (those after the epoch's beginning count).

    A slot of several schedules counts once; no schedules have no slots. Raises ScheduleError for one that can't be.
    """
    if len(schedules) == 1:
        return timetable_of(schedules[0], epoch)
    return timetable.union(timetable_of(schedule, epoch) for schedule in schedules)


def span_between(times: Timetable, after: Instant, until: Instant) -> Span | None:
    """Return the slots in (after, until] as one span, or None if there are none."""
    found = times.span(after, until)
    return Span(*found) if found else None


def open_slots_of(schedules: Sequence[Schedule], job_state: JobState) -> Timetable:
    """Return the slots of a job's open epoch but for those beyond its position that have their verdict already."""
    times = slots_of(schedules, job_state.epoch)
    return timetable.without(times, job_state.decided) if job_state.decided else times


def epoch_changes(
    jobs: Mapping[str, Job], job_states: Mapping[JobKey, JobState], unknown: bool, now: Instant
) -> list[EpochChange]:
    """Compare the jobs, and their targets, with their open epochs.

    With *unknown* (a file could not be read) no job counts as gone; a target that its job has no more does.
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
    # A run under way keeps its slot; only what has not begun is given up.
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
    """Return where the jobs will stand once *changes* are written: for plans that are only looked at."""
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
    """Return the instant after which the job's slots have neither verdict nor run."""
    run = job_state.open_run
    return job_state.position if run is None or run.slot is None else max(job_state.position, run.slot)
