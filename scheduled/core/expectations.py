"""When what is expected of a job over time is broken: `by`, `within` and `duration` of `expect`. Pure rules.

A job in force has to have succeeded for its newest slot before a deadline, which is the first time of day `by` after the
slot; its last success may be `within` ago; and a run may take `duration`.
"""

from collections.abc import Callable, Sequence

import msgspec

from scheduled.core.epochs import all_slots_of
from scheduled.core.holds import first_allowed
from scheduled.core.jobs import Expect, Job
from scheduled.core.runs import JobState
from scheduled.schedules.cron_timetable import cron
from scheduled.schedules.schedule import counts_from_end
from scheduled.schedules.timetable import Timetable
from scheduled.schedules.zones import Instant

ENOUGH = 5  # successes from which a median is known
NEWEST = 20  # successes of which the median is taken


class Success(msgspec.Struct, frozen=True, kw_only=True):
    """A run that succeeded, for the instant *scheduled_for* if it has one. *took* is in seconds, None if it is not known."""

    scheduled_for: Instant | None
    began: float
    ended: float
    took: float | None = None
    run_id: str = ""


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a job or a target: its state, its newest *successes*, the newest first, and its `window_start`.

    *succeeded_at* is the end of its last run if that succeeded: then `silent_since` does not look at the *successes*.
    *is_excused* returns whether a slot need not succeed, because a person skipped it or a gate that was to skip it.
    """

    state: JobState
    successes: Sequence[Success] = ()
    window_start: Instant | None = None
    succeeded_at: float | None = None
    is_excused: Callable[[Instant], bool] = lambda _: False


class Late(msgspec.Struct, frozen=True, kw_only=True):
    """A broken `by`: *slot* was to succeed until *deadline*."""

    slot: Instant
    deadline: Instant


def late(job: Job, known: Known, now: Instant) -> Late | None:
    """Return the newest slot of *job* of which the deadline has passed, if it and all later slots have not succeeded."""
    times = deadlines(job)
    last = None if times is None else times.last_until(now)
    slot = None if last is None else _newest_slot(known, last - 1)
    if times is None or slot is None or _is_met(known, slot):
        return None
    return Late(slot=slot, deadline=times.next_after(slot) or now)


def next_late(job: Job, known: Known, now: Instant) -> Instant | None:
    """Return the next deadline at which a slot can break `by`; None if none can before a tick that asks again.

    A tick comes when a later slot can start, so its deadline counts only if that is not before.
    """
    times = deadlines(job)
    if times is None:
        return None
    slot, later = _newest_slot(known, now), all_slots_of(known.state).next_after(now)
    found = []
    if slot is not None and not _is_met(known, slot):
        found.append(times.next_after(slot))
    if later is not None and first_allowed(job, later + job.delay) >= (times.next_after(later) or 0):
        found.append(times.next_after(later))
    return min((deadline for deadline in found if deadline is not None and deadline > now), default=None)


def deadlines(job: Job) -> Timetable | None:
    """Return the instants of `by` in the zone of *job*, one each day; None without it, or without slots that come before it."""
    if job.expect is None or job.expect.by is None or not job.is_by_time or counts_from_end(job.schedules):
        return None
    return cron(f"{job.expect.by % 60} {job.expect.by // 60} * * *", job.zone)


def silent_since(known: Known) -> Instant:
    """Return since when there was no success: the end of the last one, or when the job came into force, if that is later."""
    if known.succeeded_at is not None:
        return max(int(known.succeeded_at), known.state.epoch)
    ends = [int(success.ended) for success in known.successes]
    return max(max(ends, default=known.window_start or 0), known.state.epoch)


def next_silent(job: Job, known: Known) -> Instant | None:
    """Return the instant from which the last success is longer ago than `within`; None without it, or if no slot follows."""
    if job.expect is None or job.expect.within is None:
        return None
    since = silent_since(known)
    if job.is_by_time and all_slots_of(known.state).next_after(since) is None:
        return None
    return since + job.expect.within


def limit(expect: Expect, before: Sequence[Success]) -> float | None:
    """Return how many seconds a run may take after the successes *before* it, the newest first; None if any time is right."""
    if expect.duration is not None:
        return float(expect.duration)
    took = [success.took for success in before if success.took is not None][:NEWEST]
    if expect.times is None or len(took) < ENOUGH:
        return None
    from statistics import median  # few jobs compare their runs

    return expect.times * median(took)


def exceeded(expect: Expect, known: Known) -> float | None:
    """Return the limit that the newest success of a job took longer than; None if it did not."""
    if (expect.duration is None and expect.times is None) or not known.successes:
        return None
    newest = known.successes[0]
    most = limit(expect, () if expect.times is None else known.successes[1:])
    return most if most is not None and newest.took is not None and newest.took > most else None


def _newest_slot(known: Known, until: Instant) -> Instant | None:
    """Return the newest slot up to *until* that has to succeed; None if there is none since the job came into force."""
    times, began = all_slots_of(known.state), known.state.epoch
    slot = times.last_until(until)
    while slot is not None and slot > began and known.is_excused(slot):
        slot = times.last_until(slot - 1)
    return slot if slot is not None and slot > began else None


def _is_met(known: Known, slot: Instant) -> bool:
    """Return whether *slot* or a later one has succeeded, or a run without a slot that began after it."""
    if known.window_start is not None and known.window_start >= slot:
        return True
    return any(
        (success.began if success.scheduled_for is None else success.scheduled_for) >= slot
        for success in known.successes
    )
