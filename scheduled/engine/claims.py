"""From the configuration and the ledger to claimed runs: always inside an exclusive transaction of the caller's."""

from collections.abc import Collection, Iterable, Sequence
from itertools import chain, pairwise

import msgspec

from scheduled.config.files import Config
from scheduled.core import epochs, planner
from scheduled.core.epochs import EpochChange
from scheduled.core.holds import Holds
from scheduled.core.jobs import Job
from scheduled.core.manual import ManualRequest, start_for
from scheduled.core.planner import Plan, Start
from scheduled.core.records import Claimant
from scheduled.core.runs import JobState, Span, Verdict
from scheduled.schedules.zones import Instant
from scheduled.state.ledger import Ledger


class Gates(msgspec.Struct, frozen=True):
    """The jobs whose gate does not hold now, and those whose gate was not asked."""

    closed: frozenset[str] = frozenset()
    unasked: frozenset[str] = frozenset()


def register(ledger: Ledger, config: Config, now: Instant) -> None:
    """Begin and end epochs where the configuration differs from what is in force."""
    # With a file that can't be read, a job that is not seen may merely stand in it.
    unknown = bool(config.problems)
    for change in epochs.epoch_changes(config.jobs, ledger.job_states(), unknown, now):
        _write(ledger, change, now)


def foreseen(ledger: Ledger, config: Config, now: Instant) -> dict[str, JobState]:
    """Return where the jobs will stand once `register` has been here; nothing is written."""
    job_states = ledger.job_states()
    return epochs.after(job_states, epochs.epoch_changes(config.jobs, job_states, bool(config.problems), now))


def _write(ledger: Ledger, change: EpochChange, now: Instant) -> None:
    run = change.abandoned
    if run is not None and run.slot is not None:
        ledger.record_verdict(change.job, Span(run.slot, run.slot, 1), "skipped", "edited", run.run_id, now)
        ledger.close_run(run.run_id, "skipped", "edited")
    if change.skipped is not None:
        decide(ledger, change.job, change.skipped, "skipped", "edited", None, now)
    if change.ends:
        for row in ledger.rows_after(change.job, change.boundary):
            ledger.cut(change.job, row.span.first, None)  # skipped beforehand, and a slot no more
        ledger.advance(change.job, change.boundary)
        ledger.end_epoch(change.job, change.boundary)
        ledger.wait(change.job, None, None)
    if change.begins is not None:
        ledger.begin_epoch(change.job, change.begins, change.boundary)


def decide(
    ledger: Ledger, job: str, span: Span, verdict: Verdict, reason: str, run_id: str | None, now: Instant
) -> None:
    """Give the slots of *span* their verdict, but for those that somebody has given one before."""
    row = ledger.row_at(job, span.last)
    if row is None or row.span.first < span.first:
        ledger.record_verdict(job, span, verdict, reason, run_id, now)
        return
    job_state = ledger.job_states()[job]
    times = epochs.open_slots_of(job_state.schedule, job_state)
    edges = [slot for slot in job_state.decided if span.first < slot < span.last]
    for after, until in pairwise([span.first - 1, *edges, span.last]):
        piece = epochs.span_between(times, after, until)
        if piece is not None:
            ledger.record_verdict(job, piece, verdict, reason, run_id, now)


def plan(
    ledger: Ledger,
    config: Config,
    now: Instant,
    *,
    only: Collection[str] | None = None,
    told: Collection[str] | None = None,
    until: Instant | None = None,
    gates: Gates = Gates(),  # noqa: B008 - immutable
    budget: int | None = None,
) -> Plan:
    """Plan all jobs, or just the *told* ones, up to *until*; note what is skipped, what waits, what is due next."""
    job_states = ledger.job_states()
    if told is not None:
        # Whoever comes after others can't be planned without them.
        names = {*told, *(other for name in told if name in config.jobs for other in config.jobs[name].after)}
        job_states = {name: found for name, found in job_states.items() if name in names}
    holds = context(ledger, now, gates=gates, budget=budget)
    found = planner.plan(config.jobs, job_states, now, only, until, holds)
    for name, job in found.jobs.items():
        for skip in job.skips:
            decide(ledger, name, skip.span, "skipped", skip.reason, None, now)
            ledger.advance(name, skip.span.last)
        ledger.wait(name, job.waits, job.next_due)
    for name in job_states.keys() - found.jobs.keys():
        ledger.wait(name, "paused", None)  # it stands in a file that can't be read at present
    return found


def context(
    ledger: Ledger,
    now: Instant,
    *,
    gates: Gates = Gates(),  # noqa: B008 - immutable
    budget: int | None = None,
) -> Holds:
    """Return what holds starts back now, as the ledger has it."""
    planned = int(ledger.meta("planned") or 0)
    return Holds(
        pauses=ledger.pauses(now),
        closed=gates.closed,
        unasked=gates.unasked,
        budget=budget,
        triggers=tuple(ledger.triggers()),
        planned=planned if planned <= now else 0,  # by a clock that was wrong
    )


def leave(ledger: Ledger, found: Plan, planned: Instant) -> None:
    """Say of what was due when a tick last *planned*, and has not started, that it is left to a later one."""
    for name, job in found.jobs.items():
        if job.start is not None and job.start.claim.slot is not None:
            oldest = min([job.start.claim.slot, *(span.first for span in job.start.coalesced)])
            if oldest <= planned:
                ledger.wait(name, "budget", job.next_due)


def ask_gates(ledger: Ledger, config: Config, now: Instant, requests: Sequence[ManualRequest] = ()) -> Gates:
    """Ask the gates of what would start now but for them, steps of chains included. No transaction may be open."""
    gated = {name: job for name, job in config.jobs.items() if job.only_if is not None}
    if not gated:
        return Gates()
    from scheduled.engine import gates

    leading = {name: job for name, job in config.jobs.items() if not gated.keys().isdisjoint(_steps(job))}
    due = planner.plan(gated | leading, foreseen(ledger, config, now), now, holds=context(ledger, now)).starts
    starting = {start.claim.job for start in due}
    # What is run by hand asks no gate of its own; a chain's steps ask theirs.
    leaders = {*starting, *(request.job for request in requests)} & leading.keys()
    asked = gated.keys() & {*starting, *(name for leader in leaders for name in _steps(leading[leader]))}
    return Gates(closed=gates.closed(map(gated.__getitem__, asked)), unasked=frozenset(gated.keys() - asked))


def _steps(job: Job) -> Iterable[str]:
    return chain.from_iterable(job.action.steps)


def by_hand(
    ledger: Ledger, config: Config, requests: Sequence[ManualRequest], claimant: Claimant, now: Instant
) -> tuple[list[Start], list[str]]:
    """Return starts for what somebody asked for, and the jobs that are under way already."""
    running = {run.job for run in ledger.open_runs() if run.status != "waiting_retry"}
    groups = planner.busy_groups(config.jobs, running)
    busy = [
        request.job
        for request in requests
        if request.job in running or config.jobs[request.job].group in groups
    ]
    job_states = ledger.job_states()
    starts = []
    for request in requests:
        if request.job not in busy:
            waiting = ledger.open_run(request.run_id) if request.run_id is not None else None
            job, job_state = config.jobs[request.job], job_states.get(request.job)
            starts.append(start_for(request, job, job_state, waiting, claimant.tick, now))
    return starts, busy


def take(ledger: Ledger, starts: Iterable[Start], claimant: Claimant, now: float) -> list[Start]:
    """Claim *starts* for *holder*; return those that nobody else has taken."""
    taken = [start for wanted in starts if (start := _take(ledger, wanted, claimant, now)) is not None]
    for leader in (start.claim.job for start in taken if start.leads):
        ledger.wait(leader, "running", int(now))  # the job's later slots are due, and wait for this one
    return taken


def _take(ledger: Ledger, start: Start, claimant: Claimant, now: float) -> Start | None:
    if start.again:
        return start if ledger.reclaim(start.claim, claimant, now) else None
    if start.trigger is not None and not ledger.take_trigger(start.trigger):
        return None
    start = _with_new_id(ledger, start, claimant)
    if not ledger.claim(start.claim, claimant, now):
        return None
    _coalesce(ledger, start, int(now))
    return start


def _with_new_id(ledger: Ledger, start: Start, claimant: Claimant) -> Start:
    """Give a run another id where its own is taken: after the clock went back, instants come twice."""
    if ledger.run(start.claim.run_id) is None:
        return start
    run_id = f"{start.claim.run_id}-{claimant.tick.rpartition('-')[2]}"
    return msgspec.structs.replace(start, claim=msgspec.structs.replace(start.claim, run_id=run_id))


def _coalesce(ledger: Ledger, start: Start, now: Instant) -> None:
    """Give the older slots that *start* stands for their verdict."""
    job, run_id = start.claim.job, start.claim.run_id
    old = start.superseded
    if old is not None and old.slot is not None:
        ledger.record_verdict(job, Span(old.slot, old.slot, 1), "coalesced", "", run_id, now)
        ledger.close_run(old.run_id, "skipped", f"superseded by {run_id}")
        ledger.advance(job, old.slot)
    for span in start.coalesced:
        decide(ledger, job, span, "coalesced", "", run_id, now)
        ledger.advance(job, span.last)
