"""An attempt's end, as it was recorded -> verdict or retry, conditions, notices, totals: all in one transaction."""

from collections.abc import Callable, Sequence

import msgspec

from scheduled.clock import local, stamp
from scheduled.core.conditions import Change, Notice
from scheduled.core.events import Event
from scheduled.core.jobs import Job, Jobs
from scheduled.core.judgement import Judgement, judge
from scheduled.core.runs import AttemptResult, OpenRun, Span, TriggerRow, stands_for
from scheduled.engine import chains
from scheduled.execution.report_file import Reported
from scheduled.notify import conditions
from scheduled.state.ledger import Ledger

Compose = Callable[[Job, Change], Sequence[Notice]]


def settle_attempt(
    ledger: Ledger,
    jobs: Jobs,
    run: OpenRun,
    ending: AttemptResult,
    reported: Reported,
    *,
    now: float,
    zone: str,
    compose: Compose,
) -> list[Event]:
    """Record how an attempt of *run* ended and what it reported; return the events to publish once it is committed."""
    job = jobs.get(run.job)
    ending = _with_outcome(ending, reported)
    judgement = judge(job, run, ending, int(now))
    result = reported.outcome.data if reported.outcome else None
    ledger.ended(
        msgspec.structs.replace(ending, reason=judgement.reason), judgement.status, judgement.retry_at, result
    )
    if run.slot is not None and judgement.verdict is not None:
        ledger.record_verdict(
            run.job, Span(run.slot, run.slot, 1), judgement.verdict, judgement.reason, run.run_id, int(now)
        )
        ledger.advance(run.job, run.slot)
    if judgement.verdict == "success":
        ledger.succeeded(run.job, run.slot)
    events = _take_report(ledger, run, reported, now)
    if job is not None and ending.status == "success" and reported.outcome is not None:
        # A report cut short says nothing about what is gone.
        known = ledger.conditions(run.job)
        found = conditions.changes(
            known, reported.conditions, reported.outcome.data, local(now, zone), reported.outcome.unknown
        )
        events += conditions.record(ledger, run.job, found, lambda change: compose(job, change), now)
    events.append(_verdict_event(run, ending, judgement, zone))
    if judgement.verdict == "success":
        chains.followers(ledger, jobs, run.job, run.depth, now)
    refused = chains.spread(ledger, jobs, events, run.depth, now)
    events += [Event(name="event_refused", payload={"job": run.job, "reason": text}) for text in refused]
    if judgement.verdict:
        events += step_over(ledger, jobs, run, judgement.status, now=now, zone=zone, compose=compose)
    return events


def step_over(
    ledger: Ledger, jobs: Jobs, run: OpenRun, status: str, *, now: float, zone: str, compose: Compose
) -> list[Event]:
    """Go on with the chain, if any, of which *run*, over with *status*, was a step; return the events."""
    ended = chains.step_ended(ledger, jobs, run, status, now) if run.parent else None
    return _chain_over(ledger, jobs, ended, now=now, zone=zone, compose=compose)


def step_lost(
    ledger: Ledger, jobs: Jobs, row: TriggerRow, *, now: float, zone: str, compose: Compose
) -> list[Event]:
    """Drop a trigger of which nothing will come, and go on with the chain, if any, that counts on it, as `step_over`."""
    ledger.take_trigger(row.id)
    ended = chains.lost_step(ledger, jobs, row, now)
    return _chain_over(ledger, jobs, ended, now=now, zone=zone, compose=compose)


def _chain_over(
    ledger: Ledger, jobs: Jobs, ended: AttemptResult | None, *, now: float, zone: str, compose: Compose
) -> list[Event]:
    run = ledger.open_run(ended.run_id) if ended is not None else None
    if ended is None or run is None:
        return []
    return settle_attempt(ledger, jobs, run, ended, Reported(), now=now, zone=zone, compose=compose)


def _with_outcome(ending: AttemptResult, reported: Reported) -> AttemptResult:
    """Let a handler's own words say more than its exit code can."""
    outcome = reported.outcome
    if outcome is None or ending.status not in ("success", "failed"):
        return ending
    return msgspec.structs.replace(ending, status=outcome.status, reason=outcome.reason or ending.reason)


def _take_report(ledger: Ledger, run: OpenRun, reported: Reported, now: float) -> list[Event]:
    for line in reported.counts:
        ledger.count(run.job, line.name, line.amount)
    for notice in reported.notices:
        # By its words: a retry may repeat what an earlier attempt said, or say something else.
        words = (notice.recipient, notice.subject, notice.body)
        ledger.post(conditions.notice_id(run.run_id, *words), notice, now)
    return [Event(name=line.name, payload=line.payload) for line in reported.events]


def _verdict_event(run: OpenRun, ending: AttemptResult, judgement: Judgement, zone: str) -> Event:
    if judgement.verdict is None:
        name = "job_interrupted" if judgement.retry_at is None else "job_retry_scheduled"
    else:
        name = {"success": "job_completed", "skipped": "job_skipped"}.get(judgement.status, "job_failed")
    payload = {
        "job": run.job,
        "run_id": run.run_id,
        "scheduled_for": stamp(stands_for(run), zone),
        "attempt": run.attempt,
        "status": ending.status if judgement.verdict is None else judgement.status,
        "reason": judgement.reason,
        "duration_ms": ending.duration_ms,
        "exit_code": ending.exit_code,
    }
    return Event(name=name, payload=payload)
