"""An attempt's end, as it was recorded -> verdict or retry, conditions, notices, totals: all in one transaction."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress

import msgspec

from scheduled.clock import local, stamp
from scheduled.core.conditions import Change, Notice
from scheduled.core.events import Event
from scheduled.core.jobs import Job, Jobs
from scheduled.core.judgement import Judgement, judge
from scheduled.core.runs import AttemptResult, OpenRun, Span, TriggerRow, scheduled_for
from scheduled.engine import chains
from scheduled.engine.runtime import Runtime
from scheduled.execution.report_file import Reported, read_report
from scheduled.notify import conditions, outbox
from scheduled.schedules.zones import Instant
from scheduled.state.ledger import Conditions, Ledger


class SettleContext(msgspec.Struct, frozen=True, kw_only=True):
    """What attempts are settled with.

    *jobs* are the configured ones, *now* is in UTC seconds, *zone* the one people live in; *compose* returns the
    notices that a job's handler makes of a change.
    """

    jobs: Jobs
    now: float
    zone: str
    compose: Callable[[Job, Change], Sequence[Notice]]


def context_of(runtime: Runtime, now: float) -> SettleContext:
    """Return what attempts are settled with at *now* (UTC seconds) in an invocation."""

    def composed(job: Job, change: Change) -> Sequence[Notice]:
        from scheduled.notify.composing import compose

        return compose(job, change, lambda message: runtime.say("ERROR", message))

    return SettleContext(jobs=runtime.config.jobs, now=now, zone=runtime.zone, compose=composed)


def settle_finished(
    ledger: Ledger, runtime: Runtime, run: OpenRun, ending: AttemptResult, now: float
) -> list[Event]:
    """Settle a finished attempt with the report that its handler left, inside the caller's transaction.

    Returns the events to publish once that is committed. Raises OSError, with nothing settled, if the report can't
    be read.
    """
    reported = read_report(runtime.paths.report_of(run.run_id, run.attempt))
    output = runtime.paths.output_of(run.run_id, run.attempt)
    if ending.output_bytes:
        ending = msgspec.structs.replace(ending, output=str(output.relative_to(runtime.paths.root)))
    elif ending.status != "interrupted":
        with suppress(OSError):  # an empty file more
            output.unlink()
    return settle_attempt(ledger, context_of(runtime, now), run, ending, reported)


def leave_to_next_tick(runtime: Runtime, run: OpenRun, error: OSError) -> None:
    """Say that the files of *run* can't be read now: it stays as it is, and no other run has to wait for that."""
    where = f"{error.filename}: " if error.filename else ""
    runtime.cannot_record(f"{run.run_id}: how it ended can't be taken in yet: {where}{error.strerror}")


def settle_attempt(
    ledger: Ledger, context: SettleContext, run: OpenRun, ending: AttemptResult, reported: Reported
) -> list[Event]:
    """Record how an attempt of *run* ended and what it reported; return the events to publish once it is committed."""
    ending = _with_outcome(ending, reported)
    judgement = judge(context.jobs.get(run.job), run, ending, int(context.now))
    _record(ledger, run, ending, judgement, reported, int(context.now))
    events = _take_report(ledger, run, reported, context.now)
    events += _take_conditions(ledger, context, run, ending, reported)
    events.append(_verdict_event(run, ending, judgement, context.zone))
    events += _start_followers(ledger, context, run, judgement, events)
    if judgement.verdict:
        events += step_over(ledger, context, run, judgement.status)
    return events


def step_over(ledger: Ledger, context: SettleContext, run: OpenRun, status: str) -> list[Event]:
    """Go on with the chain, if any, of which *run*, over with *status*, was a step; return the events."""
    ended = chains.step_ended(ledger, context.jobs, run, status, context.now) if run.parent else None
    return _chain_over(ledger, context, ended)


def step_lost(ledger: Ledger, context: SettleContext, row: TriggerRow) -> list[Event]:
    """Drop a trigger of which nothing will come, and go on with the chain, if any, that counts on it, as `step_over`."""
    ledger.take_trigger(row.id)
    return _chain_over(ledger, context, chains.lost_step(ledger, context.jobs, row, context.now))


def _chain_over(ledger: Ledger, context: SettleContext, ended: AttemptResult | None) -> list[Event]:
    run = ledger.open_run(ended.run_id) if ended is not None else None
    if ended is None or run is None:
        return []
    return settle_attempt(ledger, context, run, ended, Reported())


def _record(
    ledger: Ledger,
    run: OpenRun,
    ending: AttemptResult,
    judgement: Judgement,
    reported: Reported,
    now: Instant,
) -> None:
    """Write the attempt's end, and the verdict on its slot if there is one."""
    result = reported.outcome.data if reported.outcome else None
    ended = msgspec.structs.replace(ending, reason=judgement.reason)
    ledger.ended(ended, judgement.status, judgement.retry_at, result)
    if run.slot is not None and judgement.verdict is not None:
        span = Span(run.slot, run.slot, 1)
        ledger.record_verdict(run.key, span, judgement.verdict, judgement.reason, run.run_id, now)
        ledger.advance(run.key, run.slot)
    if judgement.verdict == "success":
        ledger.succeeded(run.key, run.slot)


def _with_outcome(ending: AttemptResult, reported: Reported) -> AttemptResult:
    """Let a handler's own words say more than its exit code can."""
    outcome = reported.outcome
    if outcome is None or ending.status not in ("success", "failed"):
        return ending
    return msgspec.structs.replace(ending, status=outcome.status, reason=outcome.reason or ending.reason)


def _take_report(ledger: Conditions, run: OpenRun, reported: Reported, now: float) -> list[Event]:
    for line in reported.counts:
        ledger.count(run.key, line.name, line.amount)
    for notice in reported.notices:
        # By its words: a retry may repeat what an earlier attempt said, or say something else.
        words = (notice.recipient, notice.subject, notice.body)
        ledger.post(outbox.notice_id(run.run_id, *words), notice, now)
    return [Event(name=line.name, payload=line.payload) for line in reported.events]


def _take_conditions(
    ledger: Ledger, context: SettleContext, run: OpenRun, ending: AttemptResult, reported: Reported
) -> list[Event]:
    """Compare the conditions that a successful attempt reported with those known; return the events."""
    job, outcome = context.jobs.get(run.job), reported.outcome
    if job is None or ending.status != "success" or outcome is None:
        return []  # a report cut short says nothing about what is gone
    known, now = ledger.conditions(run.key), local(context.now, context.zone)
    found = conditions.changes(known, reported.conditions, outcome.data, now, outcome.unknown)
    return conditions.record(ledger, run.key, found, lambda change: context.compose(job, change), context.now)


def _start_followers(
    ledger: Ledger, context: SettleContext, run: OpenRun, judgement: Judgement, events: Iterable[Event]
) -> list[Event]:
    """Trigger what comes after *run* or listens to *events*; return an event for each trigger that is refused."""
    if judgement.verdict == "success":
        chains.followers(ledger, context.jobs, run.job, run.depth, context.now)
    refused = chains.spread(ledger, context.jobs, events, run.depth, context.now)
    return [Event(name="event_refused", payload={"job": run.job, "reason": text}) for text in refused]


def _verdict_event(run: OpenRun, ending: AttemptResult, judgement: Judgement, zone: str) -> Event:
    if judgement.verdict is None:
        name = "job_interrupted" if judgement.retry_at is None else "job_retry_scheduled"
    else:
        name = {"success": "job_completed", "skipped": "job_skipped"}.get(judgement.status, "job_failed")
    payload = {
        "job": run.job,
        **({"target": run.target} if run.target else {}),
        "run_id": run.run_id,
        "scheduled_for": stamp(scheduled_for(run), zone),
        "attempt": run.attempt,
        "status": ending.status if judgement.verdict is None else judgement.status,
        "reason": judgement.reason,
        "duration_ms": ending.duration_ms,
        "exit_code": ending.exit_code,
    }
    return Event(name=name, payload=payload)
