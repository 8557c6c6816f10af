"""The runs that a tick can start: for slots, retries, start requests and manual requests."""

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from scheduled.core.epochs import span_between
from scheduled.core.jobs import PRIORITIES, Job
from scheduled.core.keys import JobKey
from scheduled.core.run_ids import requested_run_id, slot_run_id
from scheduled.core.runs import AFTER, Claim, JobState, OpenRun, Skip, Span, StartRequest, is_event
from scheduled.schedules.timetable import Timetable
from scheduled.schedules.zones import Instant

Rank = tuple[int, Instant, int, str]


class Start(msgspec.Struct, frozen=True, kw_only=True):
    """A run to claim and execute.

    *coalesced* are the older slots that it covers. *superseded* is the open run of an older slot that it
    replaces. *coalesces* is false with `catch_up = "none"`: the run covers no older slot, and *skips* are the
    older slots that are skipped when it starts. *again* is true for another attempt of an existing run.
    *leads* is true if later slots of the job are due and wait for its end. *request* is the id of the start
    request. With *replaces* the superseded run is still under way, and has to be stopped first.
    *not_before* is when the `start_delay` of the job let it start; 0 if that did not hold it back.
    """

    claim: Claim
    coalesced: tuple[Span, ...] = ()
    superseded: OpenRun | None = None
    coalesces: bool = True
    skips: tuple[Skip, ...] = ()
    again: bool = False
    leads: bool = False
    replaces: bool = False
    request: int | None = None
    not_before: Instant = 0


def requested(row: StartRequest, window_start: Instant | None) -> Start:
    """Return the start for the start request *row*."""
    claim = Claim(
        run_id=requested_run_id(row.key, row.event, row.id, row.at),
        job=row.job,
        target=row.target,
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
    return Start(claim=claim, request=row.id)


def again(run: OpenRun) -> Start:
    """Return the start of the next attempt of a waiting run."""
    claim = Claim(
        run_id=run.run_id,
        job=run.job,
        target=run.target,
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
        began=run.first_started_at,
    )
    return Start(claim=claim, again=True)


def caught_up(
    job: Job,
    job_state: JobState,
    times: Timetable,
    base: Instant,
    newest: Instant,
    during: Sequence[tuple[Instant, Instant]] = (),
) -> Start:
    """Return the start that catches up on the slots after *base*, up to *newest*.

    It is for the newest slot and covers the older ones; with `catch_up = "all"` it is for the oldest slot
    only. With `catch_up = "none"` it covers no other slot. Older slots in the spans *during*, which came due while runs were
    under way, are not covered but skipped.
    """
    slot = (times.next_after(base) or newest) if job.catch_up == "all" else newest
    superseded = job_state.open_run
    if job.catch_up == "none":
        return Start(claim=_of_slot(job_state, slot, 1), superseded=superseded, coalesces=False)
    older, skips = _older(job, times, base, slot, during)
    slots = 1 + sum(span.count for span in older) + (superseded.slots if superseded else 0)
    return Start(claim=_of_slot(job_state, slot, slots), coalesced=older, superseded=superseded, skips=skips)


def _older(
    job: Job, times: Timetable, base: Instant, slot: Instant, during: Sequence[tuple[Instant, Instant]]
) -> tuple[tuple[Span, ...], tuple[Skip, ...]]:
    """Return the slots between *base* and *slot* that the run for *slot* covers, and those that are skipped."""
    if not during:
        older = span_between(times, base, slot - 1)
        return (older,) if older else (), ()
    from scheduled.core import overlap  # rarely needed

    reason = overlap.OVERLAP if job.overlap == "skip" else overlap.LIMIT
    return overlap.parts(times, base, slot - 1, tuple(during), reason)


def _of_slot(job_state: JobState, slot: Instant, slots: int) -> Claim:
    return Claim(
        run_id=slot_run_id(job_state.key, slot),
        job=job_state.job,
        target=job_state.target,
        slot=slot,
        attempt=1,
        slots=slots,
        trigger="schedule",
        window_start=job_state.window_start,
    )


def manual_start(key: JobKey, window_start: Instant | None, run_id: str) -> Start:
    """Return the start of a manual run, which has no slot and moves no position."""
    claim = Claim(
        run_id=run_id,
        job=key.job,
        target=key.target,
        slot=None,
        attempt=1,
        slots=0,
        trigger="manual",
        window_start=window_start,
    )
    return Start(claim=claim)


def plans_again(job: Job, claim: Claim, *, succeeded: bool) -> bool:
    """Return whether a tick plans *job* again as soon as its run *claim* has ended.

    After its newest slot succeeded none is due. A retry of another run, which waited for its end, is left to the
    next tick.
    """
    newest = claim.slot is not None and not runs_in_order(job)
    return not (newest and succeeded)


def asks(job: Job, start: Start) -> bool:
    """Return whether *start* begins no attempt of *job* but asks for approval. A person who starts a job approves it."""
    return job.approve is not None and not start.again and start.claim.trigger != "manual"


def sessions_left(jobs: Mapping[str, Job], sessions: int | None, starts: Iterable[Start]) -> int | None:
    """Return how many of *sessions* a tick may still start after *starts*: each attempt is one. None: any number."""
    if sessions is None:
        return None
    return max(0, sessions - sum(takes_session(jobs, start) for start in starts))


def takes_session(jobs: Mapping[str, Job], start: Start) -> bool:
    """Return whether *start* begins a session of an agent."""
    job = jobs[start.claim.job]
    return job.action.session and not asks(job, start)


def runs_in_order(job: Job) -> bool:
    """Return whether older slots of *job* may still be due after the run of a slot."""
    return job.catch_up == "all" or job.overlap == "queue"


def spends(jobs: Mapping[str, Job], start: Start) -> bool:
    """Return whether *start* uses up the budget of a tick: it is for a slot, and no chain, which has no process.

    One that asks for approval has none either.
    """
    job = jobs[start.claim.job]
    return start.claim.slot is not None and not job.action.steps and not asks(job, start)


def places(jobs: Iterable[str]) -> dict[str, int]:
    """Return the position of each job in the configuration, by its name."""
    return {name: place for place, name in enumerate(jobs)}


def rank(job: Job, start: Start, order: Mapping[str, int]) -> Rank:
    """Return the rank of *start*, a start of *job*: a tick starts runs with a smaller one first. *order* is from `places`.

    The oldest slot that the run covers counts. Otherwise a limit of a tick could hold back the same job at every tick.
    """
    slot = start.coalesced[0].first if start.coalesced else start.claim.slot or 0
    return PRIORITIES.index(job.priority), max(slot, start.not_before), order[job.name], start.claim.target


def is_for_event(start: Start) -> bool:
    """Return whether *start* is the first attempt of a run for an event: a tick starts a limited number of these."""
    return start.request is not None and is_event(start.claim)


def why(start: Start) -> str:
    """Return the reason for *start*, in words."""
    if start.again:
        return f"attempt {start.claim.attempt} of {start.claim.run_id}"
    if start.claim.parent:
        return f"a step of {start.claim.parent}"
    if start.claim.event:
        return (
            "the jobs it comes after have succeeded"
            if start.claim.event == AFTER
            else f"on {start.claim.event}"
        )
    if start.replaces and start.superseded is not None:
        return f"due; stops {start.superseded.run_id}, which is under way, and replaces it"
    missed = start.claim.slots - 1
    return f"due; also covers {missed} missed slot{'s' * (missed > 1)}" if missed > 0 else "due"
