"""What holds a due slot back (pauses, quiet windows, gates), and from when on it is too late to run."""

from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import msgspec

from scheduled.core.jobs import Job, Window
from scheduled.core.keys import ALL_JOBS, JobKey
from scheduled.core.runs import OpenReason, TriggerRow
from scheduled.schedules.timetable import Timetable
from scheduled.schedules.zones import MINUTE, Instant

# With `catch_up = "none"` a slot is on time for as long as cron's coarsest usual cadence needs to come by.
ON_TIME = 10 * MINUTE
GATE_RECHECK = MINUTE


class Holds(msgspec.Struct, frozen=True, kw_only=True):
    """What holds starts back beside the jobs' own state.

    *pauses*: what is paused and until when; a job without a target means all its targets, `ALL_JOBS` every job.
    *closed*: jobs whose gate does not hold now (for none of their targets), *unasked*: those whose gate was not asked,
    so that a later tick has to. *budget*: how many runs may start, None for any number.
    *triggers* wait to start jobs that no schedule asks for. *planned*: when a tick last looked; slots up to then that
    are open were put off, not missed.
    """

    pauses: Mapping[JobKey, Instant | None] = {}
    closed: frozenset[str] = frozenset()
    unasked: frozenset[str] = frozenset()
    budget: int | None = None
    triggers: tuple[TriggerRow, ...] = ()
    planned: Instant = 0

    def oldest_trigger(self, key: JobKey) -> TriggerRow | None:
        """Return the oldest trigger of *key*."""
        job, target = key
        return next((row for row in self.triggers if row.job == job and row.target == target), None)


def pauses_of(key: JobKey, pauses: Mapping[JobKey, Instant | None]) -> dict[JobKey, Instant | None]:
    """Return those of *pauses* that hold *key* back: of all jobs, of its job, and its own."""
    if not pauses:
        return {}
    return {paused: pauses[paused] for paused in (ALL_JOBS, JobKey(key.job), key) if paused in pauses}


def hold(job: Job, key: JobKey, now: Instant, holds: Holds) -> tuple[OpenReason, Instant | None] | None:
    """Return why what is due for *key*, of *job*, has to wait, and until when (None: that is not known); None if it may start."""
    pauses = pauses_of(key, holds.pauses).values()
    if pauses:
        ends = [until for until in pauses if until is not None]
        return "paused", max(ends) if len(ends) == len(pauses) else None
    quiet_until = quiet(job.not_between, job.zone, now) if job.not_between else None
    if quiet_until is not None:
        return "quiet", quiet_until
    if job.name in holds.closed:
        return "gate", now + GATE_RECHECK
    if job.name in holds.unasked:
        return "gate", now
    return None


def quiet(window: Window, zone: str, now: Instant) -> Instant | None:
    """Return when the quiet window that *now* lies in ends, by the clock of *zone*; None outside of it."""
    found = _quiet_around(window, zone, now)
    return None if found is None else max(found[1], now + 1)


def may_start(
    job: Job, key: JobKey, instant: Instant, pauses: Mapping[JobKey, Instant | None]
) -> Instant | None:
    """Return when what is due for *key*, of *job*, at *instant* may start: once pauses and quiet window are over.

    None if that is not known.
    """
    for until in pauses_of(key, pauses).values():
        if until is None:
            return None
        instant = max(instant, until)
    quiet_until = quiet(job.not_between, job.zone, instant) if job.not_between else None
    return instant if quiet_until is None else quiet_until


def is_too_late(job: Job, due: Instant, start: Instant) -> bool:
    """Tell whether what is due at *due* and may start at *start* only is skipped then."""
    return job.grace is not None and due - job.delay <= _before(job, start, job.grace)


def _quiet_around(window: Window, zone: str, now: Instant) -> tuple[Instant, Instant] | None:
    """Return when the quiet window that *now* lies in began, and when it ends."""
    here = datetime.fromtimestamp(now, ZoneInfo(zone))
    minute = here.hour * 60 + here.minute
    wraps = window.end <= window.start
    inside = (
        window.start <= minute < window.end if not wraps else minute >= window.start or minute < window.end
    )
    if not inside:
        return None
    began = here.date() - timedelta(days=1 if wraps and minute < window.end else 0)
    ends = began + timedelta(days=1 if wraps else 0)
    return _local(began, window.start, zone), _local(ends, window.end, zone)


def _local(day: date, minute: int, zone: str) -> Instant:
    return int(datetime.combine(day, time(*divmod(minute, 60)), ZoneInfo(zone)).timestamp())


def was_put_off(job: Job, times: Timetable, base: Instant, now: Instant, holds: Holds) -> bool:
    """Tell whether a tick saw the oldest slot after *base* that may still run, and put it off: it was not missed."""
    oldest = times.next_after(base if job.grace is None else max(base, _before(job, now, job.grace)))
    return oldest is not None and oldest <= holds.planned


def last_too_late(job: Job, now: Instant, *, missed: bool, closed: bool) -> tuple[Instant | None, str]:
    """Return the last instant whose slot is too late to run at *now*, and why; None, "" if no slot is.

    *missed*: no tick saw the job's open slots in time. *closed*: its gate does not hold.
    """
    bounds = (
        (job.grace, "late"),
        (ON_TIME if missed else None, "missed"),
        (job.gate_deadline if closed else None, "gate"),
    )
    found = [(_before(job, now, lateness), reason) for lateness, reason in bounds if lateness is not None]
    return max(found, default=(None, ""))


def _before(job: Job, now: Instant, lateness: int) -> Instant:
    """Return the last instant whose slot is more than *lateness* late; while it is quiet none grows late.

    Late is counted from when a slot could first have run: its jitter may have led it into the quiet window.
    """
    last = now - lateness - 1
    found = _quiet_around(job.not_between, job.zone, last) if job.not_between else None
    return (last if found is None else found[0] - 1) - job.delay
