"""Verdicts for spans of slots, within the epochs and around the slots that are decided already."""

from itertools import pairwise

from scheduled.core import epochs
from scheduled.core.keys import JobKey
from scheduled.core.runs import JobState, Skip, Span, Verdict
from scheduled.schedules.zones import Instant
from scheduled.state.ledger import Ledger


def record_verdict(
    ledger: Ledger,
    key: JobKey,
    span: Span,
    verdict: Verdict,
    reason: str,
    run_id: str | None,
    now: Instant,
) -> None:
    """Record *verdict* for the slots of *span*, except those that were skipped in advance.

    No row of the ledger has slots of two epochs.
    """
    ends = ledger.epoch_ends(key, span.first, span.last) if span.count > 1 else []
    row = ledger.row_at(key, span.last)
    if not ends and (row is None or row.span.first < span.first):
        ledger.record_verdict(key, span, verdict, reason, run_id, now)
        return
    job_state = ledger.job_states([key])[key]
    times = epochs.open_slots_of(job_state)
    decided = [slot for slot in job_state.decided if span.first < slot < span.last]
    for after, until in pairwise([span.first - 1, *sorted({*ends, *decided}), span.last]):
        piece = epochs.span_between(times, after, until)
        if piece is not None:
            ledger.record_verdict(key, piece, verdict, reason, run_id, now)


def record_skip(ledger: Ledger, job_state: JobState, skip: Skip, now: Instant) -> None:
    """Record *skip*, slots without a run.

    The position must not pass the slot of a run that waits for a retry: each slot after it gets a row of its own.
    """
    if job_state.open_run is None:
        record_verdict(ledger, job_state.key, skip.span, "skipped", skip.reason, None, now)
        ledger.advance(job_state.key, skip.span.last)
        return
    for slot in epochs.open_slots_of(job_state).between(skip.span.first - 1, skip.span.last):
        ledger.record_verdict(job_state.key, Span(slot, slot, 1), "skipped", skip.reason, None, now)
