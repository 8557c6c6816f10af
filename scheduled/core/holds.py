"""Reasons to hold a due slot back (pauses, quiet windows, gates), and when a slot is too late to run."""

from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import msgspec

from scheduled.core import gate_words
from scheduled.core.events import BOOTED
from scheduled.core.jobs import Job, Window
from scheduled.core.keys import ALL_JOBS, JobKey
from scheduled.core.request_queue import RequestQueue
from scheduled.core.runs import OpenReason, StartRequest
from scheduled.schedules.clock_changes import changes
from scheduled.schedules.zones import MINUTE, Instant, Seconds

# With `catch_up = "none"` a slot that no tick saw within this time counts as missed. It is longer than
# the usual cadences, so that a slot between two ticks is not missed.
ON_TIME = 10 * MINUTE
Gap = tuple[Instant, Instant]  # two ticks with none between them
GATE_RECHECK = MINUTE


class Holds(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that holds starts back, except the jobs' own states.

    *pauses* maps each paused job or target to the end of the pause (None: no end). A job without a target
    means all its targets, `ALL_JOBS` every job. *closed* are the jobs with a closed gate,
    *refused* those of them of which the gate skips their slots.
    *unchecked* are the jobs with a gate that was not checked: a later tick has to check it. *budget* is how
    many runs may start (None: any number), *events* how many for events, *sessions* how many sessions of agents. *start_requests* are the start requests; the
    planner needs only the oldest of each job or target. *planned* is the instant of the last planning: a tick saw the
    open slots up to then and deferred them, so they were not missed. *seen* is the same instant, also if the clock was set
    back since and it is in the future. *gaps* are older gaps between ticks, oldest first; they were longer than *on_time*,
    the time within which a tick must see a slot.
    *busy* are jobs under way that are not planned with the others: they hold back the jobs of their groups.
    *slots_of* are the jobs of which slots may start (None: all). For other jobs only start requests are
    started, even if a slot is due: a tick by hand runs what was asked for.
    *booted* is the instant of the boot of the machine, and *first_tick* that of its first tick; 0 if no job needs them.
    """

    pauses: Mapping[JobKey, Instant | None] = {}
    closed: frozenset[str] = frozenset()
    refused: frozenset[str] = frozenset()
    unchecked: frozenset[str] = frozenset()
    budget: int | None = None
    events: int | None = None
    sessions: int | None = None
    start_requests: RequestQueue = RequestQueue()
    planned: Instant = 0
    seen: Instant = 0
    gaps: tuple[Gap, ...] = ()
    on_time: Seconds = ON_TIME
    slots_of: frozenset[str] | None = None
    busy: frozenset[str] = frozenset()
    booted: Instant = 0
    first_tick: Instant = 0

    def starts_slots(self, job: str) -> bool:
        """Return whether slots of *job* may start."""
        return self.slots_of is None or job in self.slots_of

    def oldest_start_request(self, key: JobKey) -> StartRequest | None:
        """Return the oldest start request for *key*, or None."""
        return self.start_requests.oldest(key)


def pauses_of(key: JobKey, pauses: Mapping[JobKey, Instant | None]) -> dict[JobKey, Instant | None]:
    """Return the *pauses* that apply to *key*: those of all jobs, of its job and of its target."""
    if not pauses:
        return {}
    return {paused: pauses[paused] for paused in (ALL_JOBS, JobKey(key.job), key) if paused in pauses}


def hold(job: Job, key: JobKey, now: Instant, holds: Holds) -> tuple[OpenReason, Instant | None] | None:
    """Return why a due run of *key* has to wait and until when; None if it may start.

    The instant is None if the end is unknown: a pause without an end.
    """
    pauses = pauses_of(key, holds.pauses).values()
    if pauses:
        ends = [until for until in pauses if until is not None]
        return "paused", max(ends) if len(ends) == len(pauses) else None
    quiet_until = quiet(job.not_between, job.zone, now) if job.not_between else None
    if quiet_until is not None:
        return "quiet", quiet_until
    if job.name in holds.closed:
        return "gate", now + GATE_RECHECK
    if job.name in holds.unchecked:
        return "gate", now
    return None


def delayed_until(job: Job, slot: Instant | None, event: str, holds: Holds) -> Instant:
    """Return until when the `start_delay` of *job* holds back a run of *slot*, or for *event*; 0 if it does not.

    It holds back the slots that were due at the first tick of the boot, and what the boot itself starts.
    """
    if not job.start_delay:
        return 0
    missed = slot is not None and slot + job.delay <= holds.first_tick
    return holds.booted + job.start_delay if missed or event == BOOTED else 0


def quiet(window: Window, zone: str, now: Instant) -> Instant | None:
    """Return the end of the quiet window that contains *now*, or None.

    *window* is in the local time of *zone*.
    """
    found = _quiet_around(window, zone, now)
    return None if found is None else max(found[1], now + 1)


def may_start(
    job: Job, key: JobKey, instant: Instant, pauses: Mapping[JobKey, Instant | None]
) -> Instant | None:
    """Return the first instant, from *instant* on, at which no pause and no quiet window holds *key* back.

    Return None if a pause has no end.
    """
    for until in pauses_of(key, pauses).values():
        if until is None:
            return None
        instant = max(instant, until)
    return first_allowed(job, instant)


def first_allowed(job: Job, instant: Instant) -> Instant:
    """Return the first instant, from *instant* on, that is not in the quiet hours of *job*."""
    quiet_until = quiet(job.not_between, job.zone, instant) if job.not_between else None
    return instant if quiet_until is None else quiet_until


def first_quiet(job: Job, instant: Instant) -> Instant | None:
    """Return the first instant, from *instant* on, in the quiet hours of *job*; None if it has none."""
    if job.not_between is None or first_allowed(job, instant) != instant:
        return None if job.not_between is None else instant
    day = datetime.fromtimestamp(instant, ZoneInfo(job.zone)).date()
    begins = (_local(day + timedelta(days=more), job.not_between.start, job.zone) for more in (0, 1))
    return next((begin for begin in begins if begin >= instant), None)


def gate_expires(job: Job, due: Instant) -> Instant | None:
    """Return the first instant at which a closed gate skips what is due at *due*; None if the gate has no deadline.

    The time counts from the moment when quiet hours first let it run, and then by the clock, quiet or not.
    """
    if job.only_if is None or job.gate_deadline is None:
        return None
    return first_allowed(job, due) + job.gate_deadline + 1


def request_expired(job: Job, row: StartRequest, now: float) -> bool:
    """Return whether a closed gate skips the start request *row* of *job* at *now*."""
    expires = gate_expires(job, int(row.at))
    return expires is not None and now >= expires


def gate_checks(job: Job, slot: Instant | None, row: StartRequest | None, now: Instant) -> list[Instant]:
    """Return when the gate of a job in its quiet hours has to be checked.

    After its deadline a closed gate skips the slot *slot* and the start request *row*.
    """
    dues = [*([] if slot is None else [slot + job.delay]), *([] if row is None else [int(row.at)])]
    expiring = (gate_expires(job, due) for due in dues)
    return [max(expires, now + GATE_RECHECK) for expires in expiring if expires is not None]


def is_too_late(job: Job, due: Instant, start: Instant) -> bool:
    """Return whether a slot that is due at *due* is later than the job's `grace` allows at *start*."""
    return job.grace is not None and due - job.delay <= _before(job, start, job.grace)


def _quiet_around(window: Window, zone: str, now: Instant) -> tuple[Instant, Instant] | None:
    """Return the beginning and the end of the quiet window that contains *now*, or None."""
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
    found = _local(began, window.start, zone), _local(ends, window.end, zone)
    if wraps and found[0] == _local(
        began, window.end, zone
    ):  # a clock change skips all of the time between them
        found = found[0] + (window.start - window.end) * MINUTE, found[1]
    return found if found[0] <= now else None


def _local(day: date, minute: int, zone: str) -> Instant:
    """Return the instant of a local time; of one that a clock change skips, the first instant after the gap."""
    wanted = datetime.combine(day, time(*divmod(minute, 60)), ZoneInfo(zone))
    instant = int(wanted.timestamp())
    if datetime.fromtimestamp(instant, ZoneInfo(zone)).replace(tzinfo=None) == wanted.replace(tzinfo=None):
        return instant
    gap = changes(zone, int(wanted.replace(fold=1).timestamp()), instant)
    return next((change.at for change in gap), instant)


def on_time(cadence: Seconds) -> Seconds:
    """Return the time within which a tick must see a slot; otherwise it is missed. Ticks come every *cadence*."""
    return max(ON_TIME, 2 * cadence)


def unseen(job: Job, now: Instant, holds: Holds) -> list[tuple[Instant, Instant]]:
    """Return the spans (after, until] of slots that no tick saw in time, oldest first; *now* is a tick."""
    gaps = (*holds.gaps, (holds.planned, now))
    found = ((before, _before(job, tick, holds.on_time)) for before, tick in gaps)
    return [(after, until) for after, until in found if after < until]


def is_refused(job: Job, key: JobKey, now: Instant, holds: Holds) -> bool:
    """Return whether the closed gate of *key* skips its due slots, and nothing else holds them back."""
    if job.name not in holds.refused:
        return False
    held = hold(job, key, now, holds)
    return held is not None and held[0] == "gate"


def last_too_late(job: Job, now: Instant, *, closed: bool, refused: bool) -> tuple[Instant | None, str]:
    """Return the last instant at which a slot is too late to run at *now*, and the reason.

    Return (None, "") if no slot is too late. *closed*: the job's gate is closed; *refused*: it skips the slots that are due.
    """
    if refused and job.only_if is not None:
        return now - job.delay, gate_words.refused(job.only_if)
    bounds = (
        (job.grace, "late"),
        (job.gate_deadline if closed else None, "gate"),
    )
    found = [(_before(job, now, lateness), reason) for lateness, reason in bounds if lateness is not None]
    return max(found, default=(None, ""))


def _before(job: Job, now: Instant, lateness: int) -> Instant:
    """Return the last instant at which a slot is more than *lateness* seconds late.

    Lateness counts from the moment when the slot could first have run: after its jitter, and after the quiet
    window if the jitter ended inside it.
    """
    last = now - lateness - 1
    found = _quiet_around(job.not_between, job.zone, last) if job.not_between else None
    return (last if found is None else found[0] - 1) - job.delay
