"""Settle attempts: turn a result into a verdict or a retry, conditions, notices and totals.

All of it is written in one transaction, but for the conditions of a large report (`engine/large_reports.py`).
"""

from collections.abc import Callable, Iterable, Sequence

import msgspec

from scheduled.clock import stamp
from scheduled.core.conditions import Change, Notice
from scheduled.core.configured_jobs import Jobs
from scheduled.core.events import Event
from scheduled.core.jobs import Job, job_of
from scheduled.core.judgement import REPLACED, Judgement, judge, judge_superseded, with_post
from scheduled.core.records import RunRow
from scheduled.core.runs import AttemptResult, OpenRun, Span, StartRequest, Verdict, scheduled_for
from scheduled.core.starts import Start
from scheduled.engine import reports, skips, start_requests
from scheduled.engine.runtime import Runtime
from scheduled.execution.report_file import Reported, read_report
from scheduled.schedules.schedule import counts_from_end
from scheduled.schedules.zones import Instant
from scheduled.state.ledger import Ledger


class SettleContext(msgspec.Struct, frozen=True, kw_only=True):
    """The configuration with which attempts are settled.

    *now* is in UTC seconds, *zone* is the user's time zone (an IANA name). *compose* returns the notices that
    a job's handler writes about a change of a condition.
    """

    jobs: Jobs
    now: float
    zone: str
    compose: Callable[[Job, Change], Sequence[Notice]]


def context_of(runtime: Runtime, now: float) -> SettleContext:
    """Return the context in which *runtime* settles attempts at *now* (UTC seconds)."""

    def composed(job: Job, change: Change) -> Sequence[Notice]:
        from scheduled.notify.composing import compose

        addressed = msgspec.structs.replace(
            change, recipients=runtime.recipients(), footer_command=runtime.config.notify.footer_command
        )
        return compose(job, addressed, lambda message: runtime.add_problem("ERROR", message))

    return SettleContext(jobs=runtime.config.jobs, now=now, zone=runtime.zone, compose=composed)


def settle_finished(
    ledger: Ledger, runtime: Runtime, run: OpenRun, attempt_result: AttemptResult, now: float
) -> list[Event]:
    """Settle a finished attempt, with the report of its handler if any, inside the caller's transaction.

    Return the events to publish after the transaction is committed. Raise OSError, before anything is
    written, if the report can't be read.
    """
    path = runtime.paths.report_of(run.run_id, run.attempt)
    reported = runtime.reports.pop(path, None) or read_report(path)
    if not attempt_result.printed and attempt_result.status != "interrupted":
        # The output is empty, but its existence is evidence until the commit.
        runtime.obsolete.append(runtime.paths.output_of(run.run_id, run.attempt))
    return settle_attempt(ledger, context_of(runtime, now), run, attempt_result, reported)


def leave_to_next_tick(runtime: Runtime, run: OpenRun, error: OSError) -> None:
    """Log that the files of *run* can't be read now; it stays open for the next tick."""
    where = f"{error.filename}: " if error.filename else ""
    runtime.cannot_record(
        f"{run.run_id}: its result can't be recorded yet: {where}{error.strerror}; the next tick retries"
    )


def settle_attempt(
    ledger: Ledger, context: SettleContext, run: OpenRun, attempt_result: AttemptResult, reported: Reported
) -> list[Event]:
    """Record the result and the report of an attempt; return the events to publish after the commit."""
    attempt_result = _stopped(run, reports.with_outcome(attempt_result, reported))
    job = job_of(context.jobs, run.key)
    judgement = _judged(ledger, job, run, attempt_result, int(context.now))
    _record(ledger, run, attempt_result, judgement, reported, int(context.now))
    if job is not None and counts_from_end(job.schedules) and judgement.verdict and run.slot is not None:
        from scheduled.engine import intervals  # most configurations have none

        intervals.run_ended(ledger, run.key, min(int(attempt_result.finished_at), int(context.now)))
    events = reports.take(ledger, run, reported, context.now)
    events += reports.take_conditions(ledger, context, run, attempt_result, reported)
    if judgement.reason != REPLACED:  # the claim of the run that takes its place publishes it
        reason = with_post(judgement.reason, attempt_result.reason)
        named = msgspec.structs.replace(judgement, reason=reason)
        events.append(_end_event(run, attempt_result, named, context.zone))
    events += _start_followers(ledger, context, run, judgement, events)
    if judgement.verdict:
        of_its_own = attempt_result.status in ("stopped", "deferred")
        ended = attempt_result.status if of_its_own else judgement.status
        events += step_over(ledger, context, run, ended, judgement.reason)
    return events


def _judged(
    ledger: Ledger, job: Job | None, run: OpenRun, attempt_result: AttemptResult, now: Instant
) -> Judgement:
    """Return the new state of *run*: no retry if its job or target was removed or disabled since this tick began."""
    judgement = judge(job, run, attempt_result, now)
    if judgement.verdict is None and run.slot is not None and not ledger.job_states([run.key]):
        return judge(None, run, attempt_result, now)  # no tick would start a retry
    return judgement


def step_over(
    ledger: Ledger, context: SettleContext, run: OpenRun, status: str, reason: str = ""
) -> list[Event]:
    """Continue the chain to which *run* belongs, if any, after *run* ended with *status* and *reason*.

    *status* is `stopped` if the user stopped the run, `deferred` if it gave up after "not now". Return the events to
    publish.
    """
    if not run.parent:
        return []
    from scheduled.engine import chains  # most ticks run no chain

    return _chain_over(
        ledger, context, chains.step_ended(ledger, context.jobs, run, status, reason, context.now)
    )


def step_lost(ledger: Ledger, context: SettleContext, row: StartRequest) -> list[Event]:
    """Delete a start request that can't start a run any more, and continue its chain, as `step_over` does."""
    from scheduled.engine import chains  # most ticks run no chain

    ledger.take_start_request(row.id)
    return _chain_over(ledger, context, chains.lost_step(ledger, context.jobs, row, context.now))


def chain_without_runs(ledger: Ledger, context: SettleContext, run: OpenRun) -> list[Event]:
    """Continue the chain of *run*, of which no run of the current step is left, as `step_over` does."""
    from scheduled.engine import chains  # most ticks run no chain

    return _chain_over(ledger, context, chains.runs_missing(ledger, context.jobs, run, context.now))


def settle_superseded(ledger: Ledger, context: SettleContext, starts: Iterable[Start]) -> list[Event]:
    """Request the starts that follow from the runs that *starts* have superseded; return the events to publish.

    A run that was superseded before its first attempt makes no event: its slot is only coalesced. Each skip of *starts* makes one.
    """
    events: list[Event] = []
    for start in starts:
        run = start.superseded
        ended = None if run is None else ledger.run(run.run_id)
        found = [skips.skipped(start.claim.key, skip.span, skip.reason, context.zone) for skip in start.skips]
        if run is None or ended is None:
            skips.announce(ledger, context.jobs, found, int(context.now))
            events += found
            continue
        judgement = judge_superseded(run, start.claim.run_id, coalesced=start.coalesces)
        if run.attempt > 0 or not start.coalesces:
            # The event is about the run: its slot may be coalesced.
            verdict: Verdict = "failed" if judgement.status == "failed" else "skipped"
            of_run = msgspec.structs.replace(judgement, verdict=verdict)
            found.insert(0, _end_event(run, ended, of_run, context.zone))
        events += [*found, *_start_followers(ledger, context, run, judgement, found)]
    return events


def _chain_over(ledger: Ledger, context: SettleContext, ended: AttemptResult | None) -> list[Event]:
    run = ledger.open_run(ended.run_id) if ended is not None else None
    if ended is None or run is None:
        return []
    return settle_attempt(ledger, context, run, ended, Reported())


def _record(
    ledger: Ledger,
    run: OpenRun,
    attempt_result: AttemptResult,
    judgement: Judgement,
    reported: Reported,
    now: Instant,
) -> None:
    """Write the attempt's result, and the verdict of its slot if there is one."""
    result = reported.outcome.data if reported.outcome else None
    ended = msgspec.structs.replace(attempt_result, reason=with_post(judgement.reason, attempt_result.reason))
    ledger.ended(ended, judgement.status, judgement.retry_at, result)
    if run.slot is not None and judgement.verdict is not None:
        span = Span(run.slot, run.slot, 1)
        ledger.record_verdict(run.key, span, judgement.verdict, judgement.reason, run.run_id, now)
        ledger.advance(run.key, run.slot)
    if judgement.verdict == "success":
        ledger.succeeded(run.key, run.slot)


def _stopped(run: OpenRun, attempt_result: AttemptResult) -> AttemptResult:
    """Replace the status of an attempt that the user, or a newer slot, stopped; one that ended well all the same keeps it."""
    if not (run.stop_requested or run.replaced) or attempt_result.status in ("success", "skipped"):
        return attempt_result
    return msgspec.structs.replace(attempt_result, status="stopped")


def _start_followers(
    ledger: Ledger, context: SettleContext, run: OpenRun, judgement: Judgement, events: Iterable[Event]
) -> list[Event]:
    """Request starts of the jobs that come after *run* or subscribe to *events*.

    Return an event for each request that is refused.
    """
    if judgement.verdict == "success":
        start_requests.followers(ledger, context.jobs, run.job, run.depth, context.now)
    return spread(ledger, context, run, events)


def spread(ledger: Ledger, context: SettleContext, run: OpenRun, events: Iterable[Event]) -> list[Event]:
    """Request starts of the jobs that subscribe to *events* of *run*; return an event for each refused request."""
    refused = start_requests.spread(ledger, context.jobs, events, run.depth, context.now, run.run_id)
    found = [Event(name="event_refused", payload={"job": run.job, "reason": text}) for text in refused]
    start_requests.announce(ledger, context.jobs, found, context.now)
    return found


def _end_event(
    run: OpenRun, attempt_result: AttemptResult | RunRow, judgement: Judgement, zone: str
) -> Event:
    if judgement.verdict is None:
        name = "job_interrupted" if judgement.retry_at is None else "job_retry_scheduled"
    else:
        name = {"success": "job_completed", "skipped": "job_skipped"}.get(judgement.verdict, "job_failed")
    payload = {
        "job": run.job,
        **({"target": run.target} if run.target else {}),
        "run_id": run.run_id,
        "scheduled_for": stamp(scheduled_for(run), zone),
        "attempt": run.attempt,
        "status": attempt_result.status if judgement.verdict is None else judgement.status,
        "reason": judgement.reason,
        "duration_ms": attempt_result.duration_ms,
        "exit_code": attempt_result.exit_code,
    }
    if name == "job_skipped":
        payload["slots"] = int(run.slot is not None)  # older slots of the run are coalesced, not skipped
    return Event(name=name, payload=payload)
