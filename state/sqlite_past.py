"""What is over, in SQL: history and verdicts to look at, and to let go of what is too old."""

import sqlite3
from collections.abc import Sequence

from scheduled.jobs import Instant, Span
from scheduled.state.ledger import RunRow, SlotRow

_RUN = """
    SELECT run_id, job, target, slot, slots, triggered_by, attempt, status, reason, retry_at, tick, host,
           claimed_at, started_at, finished_at, duration_ms, exit_code, payload FROM runs
"""
_SLOT = "SELECT job, first, last, count, verdict, reason, run_id FROM slots"


def _slot(row: Sequence[object]) -> SlotRow:
    job, first, last, count, verdict, reason, run_id = row
    return SlotRow(job=job, span=Span(first, last, count), verdict=verdict, reason=reason, run_id=run_id)  # type: ignore[arg-type]  # as the schema has them
