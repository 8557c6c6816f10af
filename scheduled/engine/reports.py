"""Take what a handler reported into the ledger: totals, notices and conditions. Each function is called in a transaction."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import msgspec

from scheduled.clock import local
from scheduled.core.events import Event
from scheduled.core.jobs import Job, job_of
from scheduled.core.judgement import OF_POST
from scheduled.core.runs import UNEXPECTED, AttemptResult, OpenRun
from scheduled.execution.report_file import Reported
from scheduled.notify import outbox
from scheduled.state.ledger import Conditions, Ledger

if TYPE_CHECKING:
    from scheduled.engine.settle import SettleContext
    from scheduled.notify.conditions import Part

LONGEST_REASON = 10_000  # characters; the ledger has texts of 64 KiB at most


def with_outcome(attempt_result: AttemptResult, reported: Reported) -> AttemptResult:
    """Replace the status and reason that follow from the exit code by those of the handler's outcome."""
    outcome = reported.outcome
    if outcome is None or attempt_result.status not in ("success", "failed"):
        return attempt_result
    if attempt_result.status == "failed" and attempt_result.exit_code == 0 and outcome.status != "failed":
        if outcome.status != "skipped" or not _is_only_unexpected(attempt_result):
            return attempt_result  # its `post` failed, or its output
        attempt_result = msgspec.structs.replace(attempt_result, reason="", failure_class=None)
    reason = attempt_result.reason
    if outcome.reason:
        _, joint, of_post = reason.partition(OF_POST)  # what its `post` adds stays
        reason = f"{outcome.reason[:LONGEST_REASON]}{joint}{of_post}"
    return msgspec.structs.replace(attempt_result, status=outcome.status, reason=reason)


def _is_only_unexpected(attempt_result: AttemptResult) -> bool:
    """Return whether an attempt has failed only because it was not what `expect` names: of one that did nothing it is not expected."""
    return attempt_result.failure_class == UNEXPECTED and OF_POST not in attempt_result.reason


def take(ledger: Conditions, run: OpenRun, reported: Reported, now: float) -> list[Event]:
    """Add the totals and post the notices that *run* reported; return the events that it reported."""
    for line in reported.counts:
        ledger.count(run.key, line.name, line.amount)
    for notice in reported.notices:
        # The id is derived from the text: a retry that repeats a notice of an earlier attempt must not send
        # it twice, and a different notice must be sent.
        text = (notice.recipient, notice.subject, notice.body)
        outbox.post(ledger, outbox.notice_id(run.run_id, *text), notice, now)
    return [Event(name=line.name, payload=line.payload) for line in reported.events]


def take_conditions(
    ledger: Ledger, context: "SettleContext", run: OpenRun, attempt_result: AttemptResult, reported: Reported
) -> list[Event]:
    """Compare the conditions that a successful attempt reported with the known ones; return the events."""
    job, outcome = job_of(context.jobs, run.key), reported.outcome
    if job is None or attempt_result.status != "success" or outcome is None or reported.recorded:
        return []  # an incomplete report does not prove that a condition is gone
    from scheduled.notify import conditions  # only if a handler has ended

    found = changed_parts(ledger, context, job, run, reported)
    return conditions.record(ledger, run.key, run.run_id, found, context.now)


def changed_parts(
    ledger: Conditions,
    context: "SettleContext",
    job: Job,
    run: OpenRun,
    reported: Reported,
    size: int | None = None,
) -> Iterator["Part"]:
    """Compare the conditions that *run* reported with the known ones; yield what to record, in parts of *size*."""
    from scheduled.notify import conditions

    assert reported.outcome is not None
    known, now = ledger.conditions(run.key), local(context.now, context.zone)
    outcome = reported.outcome
    found = conditions.changes(known, reported.conditions, outcome.data, now, outcome.unknown)
    return conditions.parts(found, known, lambda change: context.compose(job, change), size)
