"""Pure planning: (jobs, where they stand, now) -> what starts, what waits, what is decided without a run."""

from collections.abc import Container, Iterable, Mapping

import msgspec

from scheduled import timetable
from scheduled.jobs import (
    MINUTE,
    PRIORITIES,
    Claim,
    Ending,
    Instant,
    Job,
    OpenReason,
    OpenRun,
    RunStatus,
    Schedule,
    Span,
    Standing,
    Verdict,
    slot_run_id,
)
from scheduled.timetable import Timetable

# A job that keeps taking its runner down is given up after this many interruptions, not retried for ever.
MAX_INTERRUPTIONS = 3


class Start(msgspec.Struct, frozen=True, kw_only=True):
    """A run to claim and execute.

    *coalesced* are the older slots it stands for; *superseded* is the run of an
    older slot that it takes over from; *again* marks a further attempt of a known run.
    """

    claim: Claim
    coalesced: tuple[Span, ...] = ()
    superseded: OpenRun | None = None
    again: bool = False


class JobPlan(msgspec.Struct, frozen=True, kw_only=True):
    """What one job's due slots come to: a start, or a reason to wait, or nothing due until *next_due*."""

    start: Start | None = None
    waits: OpenReason | None = None
    next_due: Instant | None = None


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What a tick will do: *starts* in their order, and every job's plan by name."""

    starts: list[Start]
    jobs: dict[str, JobPlan]


class EpochChange(msgspec.Struct, frozen=True, kw_only=True):
    """A job's schedule came, went or changed at *boundary*; *skipped* are the old schedule's open slots."""

    job: str
    boundary: Instant
    begins: Schedule | None
    ends: bool
    skipped: Span | None = None
    abandoned: OpenRun | None = None


class Judgement(msgspec.Struct, frozen=True, kw_only=True):
    """What an attempt's end makes of its run: a *verdict* for its slot, or another attempt at *retry_at*."""

    status: RunStatus
    verdict: Verdict | None
    retry_at: Instant | None = None
    reason: str = ""


def minute_before(now: Instant) -> Instant:
    """Return the last instant before the current minute: a slot in this very minute lies after it."""
    return now - now % MINUTE - 1


def slots_of(schedule: Schedule, epoch: Instant) -> Timetable:
    """Given a schedule and the beginning of its epoch, return its slots (those after the epoch's beginning count)."""
    if schedule.kind == "cron":
        return timetable.cron(schedule.expression, schedule.zone, schedule.seed)
    if schedule.kind == "every":
        seconds = int(schedule.expression)
        return timetable.every(seconds, epoch + 1 + seconds if schedule.anchor is None else schedule.anchor)
    return timetable.never()


def span_between(times: Timetable, after: Instant, until: Instant) -> Span | None:
    """Return the slots in (after, until] as one span, or None if there are none."""
    last = times.last_until(until)
    first = times.next_after(after)
    if last is None or first is None or first > until:
        return None
    return Span(first, last, times.count(after, until))


def epoch_changes(
    jobs: Mapping[str, Job], standings: Mapping[str, Standing], unknown: bool, now: Instant
) -> list[EpochChange]:
    """Compare the jobs with their open epochs. With *unknown* (a file could not be read) no job counts as gone."""
    changes = []
    for name, job in jobs.items():
        standing = standings.get(name)
        wanted = job.schedule if job.enabled else None
        if wanted != (standing.schedule if standing else None):
            changes.append(_change(name, standing, wanted, now))
    gone = [] if unknown else [name for name in standings if name not in jobs]
    return changes + [_change(name, standings[name], None, now) for name in gone]


def _change(name: str, standing: Standing | None, wanted: Schedule | None, now: Instant) -> EpochChange:
    boundary = minute_before(now)
    if standing is None:
        return EpochChange(job=name, boundary=boundary, begins=wanted, ends=False)
    run = standing.open_run
    # A run under way keeps its slot; only what has not begun is given up.
    abandoned = run if run is not None and run.status == "waiting_retry" else None
    base = _base(standing)
    boundary = max(boundary, base)
    times = slots_of(standing.schedule, standing.epoch) if standing.schedule else timetable.never()
    skipped = span_between(times, base, boundary)
    return EpochChange(
        job=name, boundary=boundary, begins=wanted, ends=True, skipped=skipped, abandoned=abandoned
    )


def after(standings: Mapping[str, Standing], changes: Iterable[EpochChange]) -> dict[str, Standing]:
    """Return where the jobs will stand once *changes* are written: for plans that are only looked at."""
    found = dict(standings)
    for change in changes:
        old = found.pop(change.job, None)
        if change.begins is not None:
            found[change.job] = Standing(
                job=change.job,
                position=change.boundary,
                epoch=change.boundary,
                schedule=change.begins,
                window_start=old.window_start if old else None,
                busy=old.busy if old else False,
            )
    return found


def _base(standing: Standing) -> Instant:
    """Return the instant after which the job's slots have neither verdict nor run."""
    run = standing.open_run
    return standing.position if run is None or run.slot is None else max(standing.position, run.slot)


def plan(
    jobs: Mapping[str, Job],
    standings: Mapping[str, Standing],
    now: Instant,
    only: Container[str] | None = None,
) -> Plan:
    """Give every job's slots up to *now* a run or an open reason; with *only*, just these jobs may start."""
    busy = busy_groups(jobs, [name for name, standing in standings.items() if standing.busy])
    plans = {
        name: plan_job(jobs[name], standing, now, held=jobs[name].group in busy)
        for name, standing in standings.items()
        if name in jobs
    }
    starts = [
        (jobs[name], found.start)
        for name, found in plans.items()
        if found.start is not None and (only is None or name in only)
    ]
    order = {name: place for place, name in enumerate(jobs)}
    starts.sort(
        key=lambda pair: (PRIORITIES.index(pair[0].priority), pair[1].claim.slot, order[pair[0].name])
    )
    return Plan(starts=[start for _, start in starts], jobs=plans)


def busy_groups(jobs: Mapping[str, Job], busy: Iterable[str]) -> set[str]:
    """Given the jobs that are under way, return their groups: the other jobs of these wait."""
    return {jobs[name].group for name in busy if name in jobs} - {""}


def plan_job(job: Job, standing: Standing, now: Instant, *, held: bool = False) -> JobPlan:
    """Plan one job whose schedule is in force. It is *held* while another job of its group is under way."""
    times = slots_of(job.schedule, standing.epoch)
    base = _base(standing)
    newest = times.last_until(now)
    due = newest if newest is not None and newest > base else None
    run = standing.open_run
    if standing.busy or (held and (due is not None or run is not None)):
        return JobPlan(waits="running" if due or not standing.busy else None, next_due=now)
    if run is not None and due is None:
        return _retry(run, times, now)
    if due is not None:
        return JobPlan(start=_start(job, standing, times, due), next_due=now)
    return JobPlan(next_due=times.next_after(now))


def _retry(run: OpenRun, times: Timetable, now: Instant) -> JobPlan:
    if run.retry_at is not None and run.retry_at > now:
        upcoming = times.next_after(now)
        return JobPlan(waits="waiting_retry", next_due=min(run.retry_at, upcoming or run.retry_at))
    claim = Claim(
        run_id=run.run_id,
        job=run.job,
        slot=run.slot,
        attempt=run.attempt + 1,
        slots=run.slots,
        trigger=run.trigger,
        window_start=run.window_start,
    )
    return JobPlan(start=Start(claim=claim, again=True), next_due=now)


def _start(job: Job, standing: Standing, times: Timetable, due: Instant) -> Start:
    """Catch up with one run for the newest slot, which stands for all older ones (`catch_up = "latest"`)."""
    older = span_between(times, _base(standing), due - 1)
    superseded = standing.open_run
    claim = Claim(
        run_id=slot_run_id(job.name, due),
        job=job.name,
        slot=due,
        attempt=1,
        slots=1 + (older.count if older else 0) + (superseded.slots if superseded else 0),
        trigger="schedule",
        window_start=standing.window_start,
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
    missed = start.claim.slots - 1
    return f"due, and stands for {missed} missed" if missed > 0 else "due"


def judge(job: Job | None, run: OpenRun, ending: Ending, now: Instant) -> Judgement:
    """Given how an attempt ended, return what becomes of its run; *job* is None if it is configured no more."""
    if ending.status in ("success", "skipped"):
        return Judgement(status=ending.status, verdict=ending.status, reason=ending.reason)
    if run.stop_requested:
        return Judgement(status="failed", verdict="failed", reason="stopped by hand")
    if ending.status == "interrupted":
        return _judge_interrupted(job, run, ending, now)
    failures = run.attempt - run.interruptions
    if job is not None and run.slot is not None and failures < job.retry.max_attempts:
        retry_at = now + job.retry.pause_after(failures)
        return Judgement(status="waiting_retry", verdict=None, retry_at=retry_at, reason=ending.reason)
    return Judgement(status=ending.status, verdict="failed", reason=ending.reason)


def _judge_interrupted(job: Job | None, run: OpenRun, ending: Ending, now: Instant) -> Judgement:
    if run.slot is None or job is None:
        return Judgement(status="interrupted", verdict="failed", reason=ending.reason)
    if job.on_interrupted == "skip":
        return Judgement(status="interrupted", verdict="skipped", reason="interrupted")
    if run.interruptions + 1 >= MAX_INTERRUPTIONS:
        reason = f"interrupted {run.interruptions + 1} times; parked"
        return Judgement(status="interrupted", verdict="failed", reason=reason)
    return Judgement(status="waiting_retry", verdict=None, retry_at=now, reason=ending.reason)


def next_due(plans: Iterable[JobPlan], others: Iterable[Instant]) -> Instant | None:
    """Return the least instant at which anything can be due: slots, retries, and *others* (the outbox)."""
    instants = [found.next_due for found in plans if found.next_due is not None]
    return min([*instants, *others], default=None)
