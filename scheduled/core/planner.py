"""Pure planning: (jobs, where they stand, now) -> what starts, what waits, what is decided without a run."""

from collections.abc import Container, Iterable, Mapping
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import msgspec

from scheduled.core.epochs import base_of, open_slots_of, span_between
from scheduled.core.jobs import PRIORITIES, Job, Window
from scheduled.core.judgement import DEFERRED
from scheduled.core.runs import (
    AFTER,
    FAILED,
    Claim,
    JobState,
    OpenReason,
    OpenRun,
    Span,
    TriggerRow,
    slot_run_id,
)
from scheduled.schedules.timetable import Timetable
from scheduled.schedules.zones import MINUTE, Instant

# With `catch_up = "none"` a slot is on time for as long as cron's coarsest usual cadence needs to come by.
ON_TIME = 10 * MINUTE
GATE_RECHECK = MINUTE


class Start(msgspec.Struct, frozen=True, kw_only=True):
    """A run to claim and execute.

    *coalesced* are the older slots it stands for; *superseded* is the run of an
    older slot that it takes over from; *again* marks a further attempt of a known run; *leads* that later slots of
    the job are due, which wait for its end.
    """

    claim: Claim
    coalesced: tuple[Span, ...] = ()
    superseded: OpenRun | None = None
    again: bool = False
    leads: bool = False
    trigger: int | None = None


class Skip(msgspec.Struct, frozen=True):
    """Slots that get the verdict `skipped` for a *reason*, without a run."""

    span: Span
    reason: str


class JobPlan(msgspec.Struct, frozen=True, kw_only=True):
    """What one job's due slots come to: a start, or a reason to wait, or nothing due until *next_due*."""

    start: Start | None = None
    skips: tuple[Skip, ...] = ()
    waits: OpenReason | None = None
    next_due: Instant | None = None


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What a tick will do: *starts* in their order, and every job's plan by name."""

    starts: list[Start]
    jobs: dict[str, JobPlan]


class Holds(msgspec.Struct, frozen=True, kw_only=True):
    """What holds starts back beside the jobs' own state.

    *pauses*: the paused jobs (`''`: all) and until when. *closed*: jobs whose gate does not hold now, *unasked*: those
    whose gate was not asked, so that a later tick has to. *budget*: how many runs may start, None for any number.
    *triggers* wait to start jobs that no schedule asks for. *planned*: when a tick last looked; slots up to then that
    are open were put off, not missed.
    """

    pauses: Mapping[str, Instant | None] = {}
    closed: frozenset[str] = frozenset()
    unasked: frozenset[str] = frozenset()
    budget: int | None = None
    triggers: tuple[TriggerRow, ...] = ()
    planned: Instant = 0

    def asking(self, job: str) -> TriggerRow | None:
        """Return the oldest trigger of *job*."""
        return next((row for row in self.triggers if row.job == job), None)


def plan(
    jobs: Mapping[str, Job],
    job_states: Mapping[str, JobState],
    now: Instant,
    only: Container[str] | None = None,
    until: Instant | None = None,
    holds: Holds = Holds(),  # noqa: B008 - immutable
) -> Plan:
    """Give every job's slots up to *until* (by default *now*) a run, a verdict or an open reason.

    With *only*, just these jobs may start. The starts are in the order of priority, then slot, then configuration.
    """
    busy = busy_groups(jobs, [name for name, job_state in job_states.items() if job_state.busy])
    plans = {
        name: plan_job(jobs[name], job_state, now, until=until, held=jobs[name].group in busy, holds=holds)
        for name, job_state in job_states.items()
        if name in jobs
    }
    for name, found in list(plans.items()):
        if found.start is not None and found.start.claim.slot is not None and jobs[name].after:
            plans[name] = _after(jobs[name], found, found.start, plans, job_states)
    order = {name: place for place, name in enumerate(jobs)}
    starts = sorted(
        (found.start for name, found in plans.items() if found.start and (only is None or name in only)),
        key=lambda start: _rank(jobs[start.claim.job], start, order),
    )
    kept = starts if holds.budget is None else starts[: holds.budget]
    for start in starts[len(kept) :]:
        plans[start.claim.job] = msgspec.structs.replace(plans[start.claim.job], start=None, waits="budget")
    return Plan(starts=kept, jobs=plans)


def _after(
    job: Job, found: JobPlan, start: Start, plans: Mapping[str, JobPlan], job_states: Mapping[str, JobState]
) -> JobPlan:
    """Let a job that comes after others wait for them; where one of them has failed, its own slot is skipped."""
    for name in job.after:
        plan, job_state = plans.get(name), job_states.get(name)
        if plan is None or job_state is None:
            continue
        if (
            plan.start is not None
            or plan.waits is not None
            or job_state.open_run is not None
            or job_state.busy
        ):
            return msgspec.structs.replace(found, start=None, waits="gate")
        if job_state.last_status in FAILED and not start.again and start.superseded is None:
            assert start.claim.slot is not None
            first = start.coalesced[0].first if start.coalesced else start.claim.slot
            skip = Skip(Span(first, start.claim.slot, start.claim.slots), f"after {name}, which failed")
            return msgspec.structs.replace(found, start=None, skips=(*found.skips, skip))
    return found


def _rank(job: Job, start: Start, order: Mapping[str, int]) -> tuple[int, Instant, int]:
    slot = start.claim.slot if start.claim.slot is not None else 0
    return PRIORITIES.index(job.priority), slot, order[job.name]


def busy_groups(jobs: Mapping[str, Job], busy: Iterable[str]) -> set[str]:
    """Given the jobs that are under way, return their groups: the other jobs of these wait."""
    return {jobs[name].group for name in busy if name in jobs} - {""}


def plan_job(
    job: Job,
    job_state: JobState,
    now: Instant,
    *,
    until: Instant | None = None,
    held: bool = False,
    holds: Holds = Holds(),  # noqa: B008 - immutable
) -> JobPlan:
    """Plan one job whose schedule is in force. It is *held* while another job of its group is under way."""
    times, base, run = open_slots_of(job.schedule, job_state), base_of(job_state), job_state.open_run
    latest = now - job.schedule.delay
    until = latest if until is None else until - job.schedule.delay
    given_up = () if job_state.busy else _skips(job, times, base, until, now, holds)
    # Behind a run that waits for another attempt they stay open: the position passes no slot without a verdict.
    skips = given_up if run is None else ()
    base = skips[-1].span.last if skips else base
    newest = times.last_until(until)
    passed = given_up[-1].span.last if given_up else base
    due = newest if newest is not None and newest > passed else None
    asked = _asked(job, job_state, holds, now)
    if job_state.busy or (held and (due is not None or run is not None or asked is not None)):
        waits: OpenReason | None = "running" if due is not None or not job_state.busy else None
        return JobPlan(waits=waits, next_due=now, skips=skips)
    if run is not None and run.retry_at is None:
        return JobPlan(waits="ask", next_due=_upcoming(job, times, now, base))
    if run is not None and (due is None or job.catch_up == "all"):
        found = _retry(run, job, times, now)
    elif due is not None:
        found = JobPlan(start=_start(job, job_state, times, base, due), next_due=now, skips=skips)
    elif asked is not None:
        found = JobPlan(start=asked, next_due=now, skips=skips)
    else:
        retries = (other.retry_at for other in job_state.others)
        found = JobPlan(next_due=_earliest(_upcoming(job, times, now, base), *retries), skips=skips)
    if found.start is None:
        return found
    newest = newest if until == latest else times.last_until(latest)
    return _held_back(job, _leading(found, found.start, newest), now, holds)


def _leading(found: JobPlan, start: Start, newest: Instant | None) -> JobPlan:
    """Mark a start behind which slots are due, up to *newest*: they are open as long as it runs."""
    slot = start.claim.slot
    if slot is None or newest is None or newest <= slot:
        return found
    return msgspec.structs.replace(found, start=msgspec.structs.replace(start, leads=True))


def _asked(job: Job, job_state: JobState, holds: Holds, now: Instant) -> Start | None:
    """Return the start of a job that an event, a chain or an earlier attempt at these asks for."""
    for run in job_state.others:
        if run.retry_at is not None and run.retry_at <= now:
            return again(run)
    row = holds.asking(job.name)
    return None if row is None else triggered(row, job_state.window_start)


def triggered(row: TriggerRow, window_start: Instant | None) -> Start:
    """Return the start that *row* waits for."""
    claim = Claim(
        run_id=f"{row.job}-{row.event}-{row.id}",
        job=row.job,
        slot=None,
        attempt=1,
        slots=0,
        trigger="chain" if row.parent else "event",
        window_start=window_start,
        event=row.event,
        payload=row.payload,
        parent=row.parent,
        step=row.step,
        depth=row.depth,
    )
    return Start(claim=claim, trigger=row.id)


def again(run: OpenRun) -> Start:
    """Return the next attempt at a run that waits."""
    claim = Claim(
        run_id=run.run_id,
        job=run.job,
        slot=run.slot,
        attempt=run.attempt + 1,
        slots=run.slots,
        trigger=run.trigger,
        window_start=run.window_start,
        verify=run.interrupted,
        event=run.event,
        payload=run.payload,
        parent=run.parent,
        step=run.step,
        depth=run.depth,
    )
    return Start(claim=claim, again=True)


def _upcoming(job: Job, times: Timetable, now: Instant, base: Instant) -> Instant | None:
    slot = times.next_after(max(now - job.schedule.delay, base))
    return None if slot is None else slot + job.schedule.delay


def _earliest(*instants: Instant | None) -> Instant | None:
    return min((instant for instant in instants if instant is not None), default=None)


def _held_back(job: Job, found: JobPlan, now: Instant, holds: Holds) -> JobPlan:
    """Let what is due wait where a pause, a quiet window or a closed gate says so."""
    pauses = [holds.pauses[name] for name in ("", job.name) if name in holds.pauses]
    if pauses:
        ends = [until for until in pauses if until is not None]
        return JobPlan(
            waits="paused", next_due=max(ends) if len(ends) == len(pauses) else None, skips=found.skips
        )
    quiet_until = quiet(job.not_between, job.schedule.zone, now) if job.not_between else None
    if quiet_until is not None:
        return JobPlan(waits="quiet", next_due=quiet_until, skips=found.skips)
    if job.name in holds.closed:
        return JobPlan(waits="gate", next_due=now + GATE_RECHECK, skips=found.skips)
    if job.name in holds.unasked:
        return JobPlan(waits="gate", next_due=now, skips=found.skips)
    return found


def quiet(window: Window, zone: str, now: Instant) -> Instant | None:
    """Return when the quiet window that *now* lies in ends, by the clock of *zone*; None outside of it."""
    found = _quiet_around(window, zone, now)
    return None if found is None else max(found[1], now + 1)


def may_start(job: Job, instant: Instant, pauses: Mapping[str, Instant | None]) -> Instant | None:
    """Return when what is due at *instant* may start: once pauses and quiet window are over; None if nobody knows."""
    for name in ("", job.name):
        if name in pauses:
            until = pauses[name]
            if until is None:
                return None
            instant = max(instant, until)
    quiet_until = quiet(job.not_between, job.schedule.zone, instant) if job.not_between else None
    return instant if quiet_until is None else quiet_until


def is_too_late(job: Job, due: Instant, start: Instant) -> bool:
    """Tell whether what is due at *due* and may start at *start* only is skipped then."""
    return job.grace is not None and due - job.schedule.delay <= _before(job, start, job.grace)


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


def _skips(
    job: Job, times: Timetable, base: Instant, until: Instant, now: Instant, holds: Holds
) -> tuple[Skip, ...]:
    """Return the slots that are not to run any more: too late, missed with `catch_up = "none"`, beyond the limit."""
    if job.catch_up == "latest" and job.grace is None and job.name not in holds.closed:
        return ()  # as most jobs are: nothing ever grows too late
    missed = job.catch_up == "none" and not _put_off(job, times, base, now, holds)
    late, reason = _too_late(job, now, missed=missed, closed=job.name in holds.closed)
    span = None if late is None else span_between(times, base, min(until, late))
    found = [Skip(span, reason)] if span else []
    if job.catch_up == "all":
        beyond = _beyond_limit(times, span.last if span else base, until, job.catch_up_limit)
        found += [Skip(beyond, "catch_up_limit")] if beyond else []
    return tuple(found)


def _put_off(job: Job, times: Timetable, base: Instant, now: Instant, holds: Holds) -> bool:
    """Tell whether a tick saw the oldest open slot that may still run in time, and put it off: then it was not missed."""
    oldest = times.next_after(base if job.grace is None else max(base, _before(job, now, job.grace)))
    return oldest is not None and oldest <= holds.planned


def _too_late(job: Job, now: Instant, *, missed: bool, closed: bool) -> tuple[Instant | None, str]:
    """Return up to when slots are too late to run now, and why; they are late from when they could first have run."""
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
    found = _quiet_around(job.not_between, job.schedule.zone, last) if job.not_between else None
    return (last if found is None else found[0] - 1) - job.schedule.delay


def _beyond_limit(times: Timetable, base: Instant, until: Instant, limit: int) -> Span | None:
    if times.count(base, until) <= limit:
        return None
    oldest_kept = until + 1
    for _ in range(limit):
        oldest_kept = times.last_until(oldest_kept - 1) or base
    return span_between(times, base, oldest_kept - 1)


def _retry(run: OpenRun, job: Job, times: Timetable, now: Instant) -> JobPlan:
    if run.retry_at is not None and run.retry_at > now:
        upcoming = _upcoming(job, times, now, now)
        waits: OpenReason = "gate" if run.reason == DEFERRED else "waiting_retry"
        return JobPlan(waits=waits, next_due=min(run.retry_at, upcoming or run.retry_at))
    return JobPlan(start=again(run), next_due=now)


def _start(job: Job, job_state: JobState, times: Timetable, base: Instant, newest: Instant) -> Start:
    """Catch up: one run for the newest slot that stands for all older ones, or, with "all", one for the oldest."""
    slot = (times.next_after(base) or newest) if job.catch_up == "all" else newest
    older = span_between(times, base, slot - 1)
    superseded = job_state.open_run
    claim = Claim(
        run_id=slot_run_id(job.name, slot),
        job=job.name,
        slot=slot,
        attempt=1,
        slots=1 + (older.count if older else 0) + (superseded.slots if superseded else 0),
        trigger="schedule",
        window_start=job_state.window_start,
    )
    return Start(claim=claim, coalesced=(older,) if older else (), superseded=superseded)


def manual_start(job: Job, window_start: Instant | None, run_id: str) -> Start:
    """Return a start that somebody asked for: no slot, no position moved."""
    claim = Claim(
        run_id=run_id,
        job=job.name,
        slot=None,
        attempt=1,
        slots=0,
        trigger="manual",
        window_start=window_start,
    )
    return Start(claim=claim)


def why(start: Start) -> str:
    """Say in words why *start* starts."""
    if start.again:
        return f"attempt {start.claim.attempt} of {start.claim.run_id}"
    if start.claim.parent:
        return f"a step of {start.claim.parent}"
    if start.claim.event:
        return (
            "those it comes after have succeeded" if start.claim.event == AFTER else f"on {start.claim.event}"
        )
    missed = start.claim.slots - 1
    return f"due, and stands for {missed} missed" if missed > 0 else "due"


def next_due(plans: Iterable[JobPlan], others: Iterable[Instant]) -> Instant | None:
    """Return the least instant at which anything can be due: slots, retries, and *others* (the outbox)."""
    instants = [found.next_due for found in plans if found.next_due is not None]
    return min([*instants, *others], default=None)
