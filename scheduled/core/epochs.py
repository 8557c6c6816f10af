"""Epochs: what slots a schedule has, and what becomes of them when it comes, goes or changes. Pure."""

from collections.abc import Iterable, Mapping

import msgspec

from scheduled.core.jobs import Job, Schedule
from scheduled.core.runs import JobState, OpenRun, Span
from scheduled.schedules import timetable
from scheduled.schedules.timetable import Timetable
from scheduled.schedules.zones import MINUTE, Instant


class EpochChange(msgspec.Struct, frozen=True, kw_only=True):
    """A job's schedule came, went or changed at *boundary*; *skipped* are the old schedule's open slots."""

    job: str
    boundary: Instant
    begins: Schedule | None
    ends: bool
    skipped: Span | None = None
    abandoned: OpenRun | None = None


def minute_before(now: Instant) -> Instant:
    """Return the last instant before the current minute: a slot in this very minute lies after it."""
    return now - now % MINUTE - 1


def slots_of(schedule: Schedule, epoch: Instant) -> Timetable:
    """Given a schedule and the beginning of its epoch, return its slots (those after the epoch's beginning count)."""
    if schedule.kind == "cron":
        return timetable.cron(schedule.expression, schedule.zone, schedule.seed)
    if schedule.kind == "at" and schedule.anchor is not None:
        return timetable.once(schedule.anchor)
    if schedule.kind == "every":
        seconds = int(schedule.expression)
        return timetable.every(seconds, epoch + 1 + seconds if schedule.anchor is None else schedule.anchor)
    return timetable.never()


def span_between(times: Timetable, after: Instant, until: Instant) -> Span | None:
    """Return the slots in (after, until] as one span, or None if there are none."""
    found = times.span(after, until)
    return Span(*found) if found else None


def open_slots_of(schedule: Schedule | None, job_state: JobState) -> Timetable:
    """Return the slots of a job's open epoch but for those beyond its position that have their verdict already."""
    times = slots_of(schedule, job_state.epoch) if schedule else timetable.never()
    return timetable.without(times, job_state.decided) if job_state.decided else times


def epoch_changes(
    jobs: Mapping[str, Job], job_states: Mapping[str, JobState], unknown: bool, now: Instant
) -> list[EpochChange]:
    """Compare the jobs with their open epochs. With *unknown* (a file could not be read) no job counts as gone."""
    changes = []
    for name, job in jobs.items():
        job_state = job_states.get(name)
        wanted = job.schedule if job.enabled else None
        if wanted != (job_state.schedule if job_state else None):
            changes.append(_change(name, job_state, wanted, now))
    gone = [] if unknown else [name for name in job_states if name not in jobs]
    return changes + [_change(name, job_states[name], None, now) for name in gone]


def _change(name: str, job_state: JobState | None, wanted: Schedule | None, now: Instant) -> EpochChange:
    boundary = minute_before(now)
    if job_state is None:
        return EpochChange(job=name, boundary=boundary, begins=wanted, ends=False)
    run = job_state.open_run
    # A run under way keeps its slot; only what has not begun is given up.
    abandoned = run if run is not None and run.status == "waiting_retry" else None
    base = base_of(job_state)
    boundary = max(boundary, base)
    skipped = span_between(open_slots_of(job_state.schedule, job_state), base, boundary)
    return EpochChange(
        job=name, boundary=boundary, begins=wanted, ends=True, skipped=skipped, abandoned=abandoned
    )


def after(job_states: Mapping[str, JobState], changes: Iterable[EpochChange]) -> dict[str, JobState]:
    """Return where the jobs will stand once *changes* are written: for plans that are only looked at."""
    found = dict(job_states)
    for change in changes:
        old = found.pop(change.job, None)
        if change.begins is not None:
            found[change.job] = JobState(
                job=change.job,
                position=change.boundary,
                epoch=change.boundary,
                schedule=change.begins,
                window_start=old.window_start if old else None,
                busy=old.busy if old else False,
            )
    return found


def base_of(job_state: JobState) -> Instant:
    """Return the instant after which the job's slots have neither verdict nor run."""
    run = job_state.open_run
    return job_state.position if run is None or run.slot is None else max(job_state.position, run.slot)
