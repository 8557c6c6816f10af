"""What is over, in SQL: verdicts to look at, and to let go of what is too old."""

import sqlite3

from scheduled.core.records import SlotRow
from scheduled.core.runs import Span
from scheduled.schedules.zones import Instant


class Past:
    """The part of a `Ledger` that knows what is over; see there for the contracts."""

    _db: sqlite3.Connection

    def row_at(self, job: str, instant: Instant) -> SlotRow | None:
        """See `Ledger.row_at`."""
        row = self._db.execute(
            "SELECT first, last, count, verdict, reason, run_id FROM slots"
            " WHERE job = ? AND target = '' AND first <= ? ORDER BY first DESC LIMIT 1",
            (job, instant),
        ).fetchone()
        if row is None:
            return None
        first, last, count, verdict, reason, run_id = row
        return SlotRow(job=job, span=Span(first, last, count), verdict=verdict, reason=reason, run_id=run_id)

    def prune(self, before: Instant, keep_runs: int, limit: int) -> tuple[list[str], bool]:
        """See `Ledger.prune`."""
        gone: list[str] = []
        removed = 0
        jobs = self._db.execute("SELECT job, target, position, last_run_id FROM jobs").fetchall()
        for job, target, position, last_run in jobs:
            if removed >= limit:
                return gone, False
            runs = self._prune_runs(job, target, last_run or "", before, keep_runs)
            gone += runs
            slots = self._db.execute(
                "DELETE FROM slots WHERE job = :job AND target = :target AND first < :before AND last < :before"
                " AND last <= :position AND verdict IS NOT NULL",
                {"job": job, "target": target, "before": before, "position": position},
            ).rowcount
            removed += len(runs) + slots
        self._db.execute("DELETE FROM epochs WHERE ends_at < ?", (before,))
        return gone, True

    def _prune_runs(self, job: str, target: str, last_run: str, before: Instant, keep_runs: int) -> list[str]:
        newest_surplus = self._db.execute(
            "SELECT claimed_at, rowid FROM runs WHERE job = ? AND target = ?"
            " ORDER BY claimed_at DESC, rowid DESC LIMIT 1 OFFSET ?",
            (job, target, keep_runs),
        ).fetchone()
        rows = self._db.execute(
            "DELETE FROM runs WHERE job = ? AND target = ? AND (claimed_at < ? OR (claimed_at, rowid) <= (?, ?)) AND run_id != ?"
            " AND status NOT IN ('claimed', 'running', 'waiting_retry') RETURNING run_id",
            (job, target, before, *(newest_surplus or (-1, -1)), last_run),
        )
        gone = [run_id for (run_id,) in rows.fetchall()]
        self._db.executemany("DELETE FROM attempts WHERE run_id = ?", [(run_id,) for run_id in gone])
        return gone
