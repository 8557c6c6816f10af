"""Call the planner with the configuration and the ledger, and record its decisions in the ledger.

Functions that write are called inside an exclusive transaction of the caller.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from itertools import chain, pairwise

import msgspec

from scheduled.config.files import Config
from scheduled.core import epochs, planner
from scheduled.core.epochs import EpochChange
from scheduled.core.holds import Holds
from scheduled.core.jobs import Job, keys_of
from scheduled.core.keys import JobKey
from scheduled.core.manual import ManualRequest
from scheduled.core.planner import Plan
from scheduled.core.runs import JobState, Span, Verdict
from scheduled.schedules.zones import Instant
from scheduled.state.ledger import Ledger, Positions


class Gates(msgspec.Struct, frozen=True):
    """The names of jobs with a closed gate, and of those with a gate that was not evaluated.

    A gate applies to all targets of a job.
    """

    closed: frozenset[str] = frozenset()
    unchecked: frozenset[str] = frozenset()


def register(ledger: Ledger, config: Config, now: Instant) -> None:
    """Begin and end epochs where the configuration differs from the open epochs; *now* is in UTC seconds."""
    # A missing job may be defined in a configuration file that can't be read now.
    unknown = bool(config.problems)
    for change in epochs.epoch_changes(config.jobs, ledger.job_states(), unknown, now):
        _write(ledger, change, now)


def foreseen(ledger: Positions, config: Config, now: Instant) -> dict[JobKey, JobState]:
    """Return the job states as they will be after `register`, without writing."""
    job_states = ledger.job_states()
    return epochs.after(job_states, epochs.epoch_changes(config.jobs, job_states, bool(config.problems), now))


def _write(ledger: Ledger, change: EpochChange, now: Instant) -> None:
    run = change.abandoned
    if run is not None and run.slot is not None:
        ledger.record_verdict(change.key, Span(run.slot, run.slot, 1), "skipped", "edited", run.run_id, now)
        ledger.close_run(run.run_id, "skipped", "edited")
    if change.skipped is not None:
        record_verdict(ledger, change.key, change.skipped, "skipped", "edited", None, now)
    if change.ends:
        for row in ledger.rows_after(change.key, change.boundary):
            # A slot that was skipped in advance is not a slot of the new schedules.
            ledger.cut(change.key, row.span.first, None)
        ledger.advance(change.key, change.boundary)
        ledger.end_epoch(change.key, change.boundary)
        ledger.wait(change.key, None, None)
    if change.begins:
        ledger.begin_epoch(change.key, change.begins, change.boundary)


def record_verdict(
    ledger: Positions,
    key: JobKey,
    span: Span,
    verdict: Verdict,
    reason: str,
    run_id: str | None,
    now: Instant,
) -> None:
    """Record *verdict* for the slots of *span*, except those that were skipped in advance."""
    row = ledger.row_at(key, span.last)
    if row is None or row.span.first < span.first:
        ledger.record_verdict(key, span, verdict, reason, run_id, now)
        return
    job_state = ledger.job_states()[key]
    times = epochs.open_slots_of(job_state.schedules, job_state)
    edges = [slot for slot in job_state.decided if span.first < slot < span.last]
    for after, until in pairwise([span.first - 1, *edges, span.last]):
        piece = epochs.span_between(times, after, until)
        if piece is not None:
            ledger.record_verdict(key, piece, verdict, reason, run_id, now)


def plan_and_record(  # noqa: PLR0913 - each caller gives few of them
    ledger: Ledger,
    config: Config,
    now: Instant,
    *,
    only: Collection[str] | None = None,
    keys: Collection[JobKey] | None = None,
    until: Instant | None = None,
    gates: Gates = Gates(),  # noqa: B008 - immutable
    budget: int | None = None,
    slots_of: Collection[str] | None = None,
) -> Plan:
    """Plan all jobs, or only *keys*, for slots up to *until* (default: *now*), and return the plan.

    With *slots_of*, start requests of other jobs are planned before their slots (see `Holds`).
    Record skipped slots, open reasons and the next due instants in the ledger. Starts are not claimed.
    """
    job_states = ledger.job_states()
    if keys is not None:
        needed = _with_those_before(config.jobs, keys)
        job_states = {key: found for key, found in job_states.items() if key in needed}
    holds = holds_now(ledger, now, gates=gates, budget=budget, slots_of=slots_of)
    found = planner.plan(config.jobs, job_states, now, only, until, holds)
    for key, job in found.jobs.items():
        for skip in job.skips:
            record_verdict(ledger, key, skip.span, "skipped", skip.reason, None, now)
            ledger.advance(key, skip.span.last)
        ledger.wait(key, job.waits, job.next_due)
    for key in job_states.keys() - found.jobs.keys():
        ledger.wait(key, "paused", None)  # its configuration file can't be read now
    return found


def _with_those_before(jobs: Mapping[str, Job], keys: Collection[JobKey]) -> set[JobKey]:
    """Return *keys* and those that they come after, which the planner needs to plan them."""
    names = {other for key in keys if key.job in jobs for other in jobs[key.job].after}
    return {*keys, *(key for name in names if name in jobs for key in keys_of(jobs[name]))}


def holds_now(
    ledger: Ledger,
    now: Instant,
    *,
    gates: Gates = Gates(),  # noqa: B008 - immutable
    budget: int | None = None,
    slots_of: Collection[str] | None = None,
) -> Holds:
    """Return what holds back starts at *now*: pauses, start requests, *gates*, *budget* and *slots_of*."""
    planned = int(ledger.meta("planned") or 0)
    return Holds(
        pauses=ledger.pauses(now),
        closed=gates.closed,
        unchecked=gates.unchecked,
        budget=budget,
        start_requests=tuple(ledger.start_requests()),
        planned=planned if planned <= now else 0,  # an instant in the future comes from a wrong clock
        slots_of=None if slots_of is None else frozenset(slots_of),
    )


def record_left_over(ledger: Positions, found: Plan, planned: Instant, untaken: Collection[JobKey]) -> None:
    """Record why slots that were due at *planned*, when a tick last planned, have not started.

    The open reason is `queued` if no executor took the run (*untaken*), otherwise `budget`: a later tick
    starts it.
    """
    for key, job in found.jobs.items():
        if job.start is not None and job.start.claim.slot is not None:
            oldest = min([job.start.claim.slot, *(span.first for span in job.start.coalesced)])
            if oldest <= planned:
                ledger.wait(key, "queued" if key in untaken else "budget", job.next_due)


def check_gates(
    ledger: Ledger,
    config: Config,
    now: Instant,
    environment: Callable[[], Mapping[str, str]],
    requests: Sequence[ManualRequest] = (),
) -> Gates:
    """Evaluate the gates of all jobs that would start now, including steps of chains, in their *environment*.

    Gates may take seconds: call this while no transaction is open.
    """
    gated = {name: job for name, job in config.jobs.items() if job.only_if is not None}
    if not gated:
        return Gates()
    from scheduled.engine import gates

    leading = {name: job for name, job in config.jobs.items() if not gated.keys().isdisjoint(_steps(job))}
    due = planner.plan(
        gated | leading, foreseen(ledger, config, now), now, holds=holds_now(ledger, now)
    ).starts
    starting = {start.claim.job for start in due}
    # A manual run ignores the gate of its own job. If that job is a chain, the gates of its steps apply.
    leaders = {*starting, *(request.job for request in requests)} & leading.keys()
    needed = gated.keys() & {*starting, *(name for leader in leaders for name in _steps(leading[leader]))}
    return Gates(
        closed=gates.closed(map(gated.__getitem__, needed), environment),
        unchecked=frozenset(gated.keys() - needed),
    )


def _steps(job: Job) -> Iterable[str]:
    return chain.from_iterable(job.action.steps)
