"""Skip what was held back until its deadline: start requests at a closed gate, and runs that answered "not now" or ask."""

from collections.abc import Mapping, Sequence

from scheduled.core import deferrals, gate_words, starts
from scheduled.core.events import Event
from scheduled.core.holds import pauses_of, request_expired
from scheduled.core.records import Claimant
from scheduled.core.runs import AttemptResult, StartRequest
from scheduled.core.starts import Start
from scheduled.engine import claims
from scheduled.engine.giving_up import give_up
from scheduled.engine.planning import Gates
from scheduled.engine.runtime import Runtime
from scheduled.engine.settle import context_of, settle_attempt
from scheduled.execution.report_file import Reported
from scheduled.state.ledger import Ledger


def expire(
    ledger: Ledger, runtime: Runtime, gates: Gates, claimant: Claimant, now: float, after: int = 0
) -> list[Event]:
    """Skip start requests that are older than the deadline of their closed gate, or that it skips; their chains continue.

    The next step of such a chain may be skipped in the same way. Requests with an id up to *after* were checked before.
    Return the events to publish.
    """
    events: list[Event] = []
    while gates.closed and (rows := ledger.start_requests(after)):  # there may be many
        after = rows[-1].id
        events += _expire(ledger, runtime, gates, rows, claimant, now)
    return events


def _expire(
    ledger: Ledger,
    runtime: Runtime,
    gates: Gates,
    rows: Sequence[StartRequest],
    claimant: Claimant,
    now: float,
) -> list[Event]:
    jobs = runtime.config.jobs
    closed = [row for row in rows if row.job in gates.closed]
    pauses = ledger.pauses(int(now)) if gates.refused and closed else {}
    refused = [row for row in closed if row.job in gates.refused and not pauses_of(row.key, pauses)]
    late = [row for row in closed if row not in refused and request_expired(jobs[row.job], row, now)]
    taken = claims.take(ledger, [starts.requested(row, None) for row in (*refused, *late)], claimant, now)
    reasons = {row.id: gate_words.refused(gate) for row in refused if (gate := jobs[row.job].only_if)}
    return [event for start in taken for event in _skip(ledger, runtime, start, reasons, now)]


def give_up_deferred(ledger: Ledger, runtime: Runtime, now: float) -> list[Event]:
    """Give up the runs that answered "not now", or ask for approval, and may not wait any longer; their chains continue.

    Return the events to publish.
    """
    waiting = {run.key for run in ledger.open_runs() if deferrals.may_expire(run)}
    if not waiting:
        return []
    jobs, pauses, states = runtime.config.jobs, ledger.pauses(int(now)), ledger.job_states(waiting)
    found = (
        one
        for key in sorted(waiting & states.keys())
        if key.job in jobs
        for one in deferrals.given_up(jobs[key.job], states[key], pauses, int(now))
    )
    return [event for one in found for event in give_up(ledger, runtime, one.run, one.reason, int(now))]


def _skip(
    ledger: Ledger, runtime: Runtime, start: Start, reasons: Mapping[int, str], now: float
) -> list[Event]:
    run_id = start.claim.run_id
    run = ledger.open_run(run_id)
    assert run is not None
    attempt_result = AttemptResult(
        run_id=run_id,
        attempt=1,
        status="skipped",
        started_at=now,
        finished_at=now,
        duration_ms=0,
        reason=reasons.get(start.request or 0, "its gate stayed closed until its deadline"),
    )
    return settle_attempt(ledger, context_of(runtime, now), run, attempt_result, Reported())
