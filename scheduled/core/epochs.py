"""Epochs: the slots of a job's schedules, and the effect of adding, removing or changing schedules."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import islice
from types import MappingProxyType

import msgspec

from scheduled.core.jobs import Job, enabled_keys_of, keys_of
from scheduled.core.keys import JobKey, Keyed
from scheduled.core.records import Epoch
from scheduled.core.runs import FormerEpoch, JobState, OpenRun, Span
from scheduled.schedules import timetable
from scheduled.schedules.kinds.registry import timetable_of
from scheduled.schedules.schedule import Schedule, counts_from_end, same
from scheduled.schedules.timetable import Timetable
from scheduled.schedules.zones import MINUTE, Instant

# The reasons of slots that are skipped because their epoch ended.
EDITED, DISABLED, REMOVED = "edited", "disabled", "removed"


class EpochChange(Keyed, frozen=True, kw_only=True):
    """A change of a job's schedules at *boundary*.

    *begins* are the new schedules, empty if the job is removed or disabled. *ends* is true if an old epoch
    ends. *skipped* are the open slots of the old schedules, and *reason* is why. *abandoned* is a run of the old
    schedules that waits for a retry. With *continues*, the host's zone changed: open slots and runs stay.
    """

    job: str
    target: str = ""
    boundary: Instant
    begins: tuple[Schedule, ...]
    ends: bool
    skipped: Span | None = None
    reason: str = EDITED
    abandoned: OpenRun | None = None
    continues: bool = False


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


def all_slots_of(job_state: JobState) -> Timetable:
    """Return the timetable of the job's open epoch, and of former ones with slots after its position."""
    times = slots_of(job_state.schedules, job_state.epoch)
    if not job_state.former:
        return times
    former = ((one.ends_at, slots_of(one.schedules, one.starts_at)) for one in job_state.former)
    return timetable.joined(former, times)


def only_slot_in_minute(job_state: JobState, instant: Instant) -> Instant:
    """Return the slot of the job in the minute that begins at *instant*, if there is exactly one; otherwise *instant*.

    Slots are shown without seconds, so a minute names such a slot.
    """
    if instant % MINUTE:
        return instant
    found = list(islice(all_slots_of(job_state).between(instant - 1, instant + MINUTE - 1), 2))
    return found[0] if len(found) == 1 else instant


def open_slots_of(job_state: JobState) -> Timetable:
    """Return the timetable of the job's open epoch without the slots that are already decided.

    An interval that counts from the end of the last run counts from a slot that was skipped in advance.
    """
    times = all_slots_of(job_state)
    if not job_state.decided:
        return times
    if counts_from_end(job_state.schedules):
        return timetable.once(max(job_state.decided) + int(job_state.schedules[0].expression))
    return timetable.without(times, job_state.decided)


def epoch_changes(
    jobs: Mapping[str, Job],
    job_states: Mapping[JobKey, JobState],
    unknown: bool,
    now: Instant,
    ended: Mapping[JobKey, Epoch] = MappingProxyType({}),
    moment_of: Callable[[JobKey], Instant] | None = None,
) -> list[EpochChange]:
    """Return the differences between the configured jobs, with their targets, and the open epochs.

    If *unknown* is true (a configuration file could not be read), a job that is missing from *jobs* keeps its
    epoch. The epoch of a target that its job no longer has always ends. *ended* are the last epochs of keys without an
    open one. *moment_of* returns when the edit of a key was made, never after *now*; by default it is made now.
    """
    changes, known, moment_of = [], set(), moment_of or (lambda _: now)
    for job in jobs.values():
        for key in keys_of(job):
            known.add(key)
            job_state = job_states.get(key)
            wanted = job.schedules if job.enabled and key.target not in job.disabled_targets else ()
            if job_state is None and wanted:
                changes.append(_beginning(key, ended.get(key), wanted, moment_of(key)))
            elif job_state is not None and not same(wanted, job_state.schedules):
                reason = EDITED if wanted else DISABLED
                changes.append(_change(key, job_state, wanted, moment_of(key), reason))
    gone = [key for key in job_states if key not in known and (key.job in jobs or not unknown)]
    return changes + [_change(key, job_states[key], (), moment_of(key), REMOVED) for key in gone]


def lacks_epochs(jobs: Mapping[str, Job], job_states: Mapping[JobKey, JobState]) -> bool:
    """Return whether an enabled job, or a target of it, has no open epoch yet."""
    return any(key not in job_states for job in jobs.values() if job.enabled for key in enabled_keys_of(job))


def _beginning(
    key: JobKey, ended: Epoch | None, wanted: tuple[Schedule, ...], moment: Instant
) -> EpochChange:
    """Return the beginning of the first epoch, or of another one after *ended*, which it never overlaps."""
    boundary = minute_before(moment)
    if ended is None or ended.ends_at is None:
        return EpochChange(job=key.job, target=key.target, boundary=boundary, begins=wanted, ends=False)
    boundary = max(boundary, ended.ends_at)
    begins = _in_phase(wanted, ended.schedules, ended.starts_at, ended.ends_at)
    return EpochChange(job=key.job, target=key.target, boundary=boundary, begins=begins, ends=False)


def _change(
    key: JobKey, job_state: JobState, wanted: tuple[Schedule, ...], moment: Instant, reason: str
) -> EpochChange:
    run = job_state.open_run
    # A run in progress keeps its slot; only a run that waits for a retry is abandoned.
    abandoned = run if run is not None and run.status == "waiting_retry" else None
    base = base_of(job_state)
    boundary = max(minute_before(moment), base, job_state.epoch)
    begins = _in_phase(wanted, job_state.schedules, job_state.epoch, boundary)
    times = open_slots_of(job_state)
    this_minute = times.last_until(moment)
    # A slot of this minute stays with the old schedules, unless it is also one of the new ones.
    if this_minute is not None and this_minute > boundary and not _has(begins, boundary, this_minute):
        boundary = this_minute
        begins = _in_phase(wanted, job_state.schedules, job_state.epoch, boundary)
    return EpochChange(
        job=key.job,
        target=key.target,
        boundary=boundary,
        begins=begins,
        ends=True,
        skipped=span_between(times, base, boundary),
        reason=reason,
        abandoned=abandoned,
    )


def edited(job_state: JobState, wanted: tuple[Schedule, ...], now: Instant) -> JobState:
    """Return the state of a job that gets the schedules *wanted* by an edit at *now*; the same one if they do not differ."""
    if same(wanted, job_state.schedules):
        return job_state
    return _state_after(_change(job_state.key, job_state, wanted, now, EDITED), job_state)


def _has(schedules: tuple[Schedule, ...], epoch: Instant, slot: Instant) -> bool:
    return bool(schedules) and slots_of(schedules, epoch).last_until(slot) == slot


def _in_phase(
    wanted: tuple[Schedule, ...], old: tuple[Schedule, ...], epoch: Instant, until: Instant
) -> tuple[Schedule, ...]:
    """Return *wanted*; an `every` without an anchor continues from its last slot up to *until*.

    *old* are the former schedules, in force since *epoch*.
    """
    return tuple(_continued(schedule, old, epoch, until) for schedule in wanted)


def _continued(schedule: Schedule, old: tuple[Schedule, ...], epoch: Instant, until: Instant) -> Schedule:
    intervals = [one for one in old if one.kind == "every"]
    if schedule.kind != "every" or schedule.anchor is not None or not intervals:
        return schedule
    before = next((one for one in intervals if one.expression == schedule.expression), intervals[0])
    return msgspec.structs.replace(schedule, phase=last_slot(before, epoch, until))


def last_slot(interval: Schedule, epoch: Instant, until: Instant) -> Instant:
    """Return the last slot of *interval*, in force since *epoch*, up to *until*; if it has none, its beginning."""
    last = timetable_of(interval, epoch).last_until(until)
    if last is not None:
        return last
    return interval.phase if interval.anchor is None and interval.phase is not None else epoch + 1


def after(job_states: Mapping[JobKey, JobState], changes: Iterable[EpochChange]) -> dict[JobKey, JobState]:
    """Return the job states as they will be after *changes*; nothing is written."""
    found = dict(job_states)
    for change in changes:
        old = found.pop(change.key, None)
        if change.begins:
            found[change.key] = _state_after(change, old)
    return found


def _state_after(change: EpochChange, old: JobState | None) -> JobState:
    if change.continues and old is not None:
        former = FormerEpoch(old.schedules, old.epoch, change.boundary)
        return msgspec.structs.replace(
            old, schedules=change.begins, epoch=change.boundary, former=(*old.former, former)
        )
    return JobState(
        job=change.job,
        target=change.target,
        position=change.boundary,
        epoch=change.boundary,
        schedules=change.begins,
        window_start=old.window_start if old else None,
        busy=old.busy if old else False,
    )


def base_of(job_state: JobState) -> Instant:
    """Return the instant up to which every slot of the job has a verdict or a run."""
    run = job_state.open_run
    return job_state.position if run is None or run.slot is None else max(job_state.position, run.slot)
