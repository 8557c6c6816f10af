"""Where jobs stand: epochs, positions, and the verdicts on their slots, in SQL."""

import sqlite3
from collections.abc import Iterator
from typing import Annotated, Any

import msgspec

from scheduled.core.records import Epoch, JobRow, SlotRow
from scheduled.core.runs import OpenReason, Span, Verdict
from scheduled.schedules.schedule import Schedule
from scheduled.schedules.zones import Instant

_Schedules = Annotated[tuple[Schedule, ...], msgspec.Meta(min_length=1)]


def read_schedules(text: str) -> tuple[Schedule, ...]:
    """Return the schedules that the ledger holds as *text*."""
    return msgspec.json.decode(text, type=_Schedules)


class Positions:
    """The part of a `Ledger` that knows slots and where jobs stand; see there for the contracts."""

    _db: sqlite3.Connection

    def begin_epoch(self, job: str, schedules: tuple[Schedule, ...], starts_at: Instant) -> None:
        """See `Ledger.begin_epoch`."""
        self._db.execute(
            "INSERT INTO jobs (job, position) VALUES (?, ?)"
            " ON CONFLICT DO UPDATE SET position = max(position, excluded.position), open_reason = NULL",
            (job, starts_at),
        )
        self._db.execute(
            "INSERT INTO epochs (job, starts_at, schedules) VALUES (?, ?, ?)",
            (job, starts_at, msgspec.json.encode(schedules).decode()),
        )

    def end_epoch(self, job: str, ends_at: Instant) -> None:
        """See `Ledger.end_epoch`."""
        self._db.execute(
            "UPDATE epochs SET ends_at = ? WHERE job = ? AND target = '' AND ends_at IS NULL", (ends_at, job)
        )

    def advance(self, job: str, position: Instant) -> None:
        """See `Ledger.advance`."""
        self._db.execute(
            "UPDATE jobs SET position = ? WHERE job = ? AND target = '' AND position < ?",
            (position, job, position),
        )

    def wait(self, job: str, reason: OpenReason | None, next_due: Instant | None) -> None:
        """See `Ledger.wait`."""
        self._db.execute(
            "UPDATE jobs SET open_reason = :reason, next_due = :next_due WHERE job = :job AND target = ''"
            " AND (open_reason IS NOT :reason OR next_due IS NOT :next_due)",
            {"job": job, "reason": reason, "next_due": next_due},
        )

    def record_verdict(
        self,
        job: str,
        span: Span,
        verdict: Verdict,
        reason: str,
        run_id: str | None,
        at: Instant,
        target: str = "",
    ) -> None:
        """See `Ledger.record_verdict`."""
        self._db.execute(
            "INSERT INTO slots (job, target, first, last, count, verdict, reason, run_id, decided_at)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET verdict = excluded.verdict,"
            " reason = excluded.reason, run_id = excluded.run_id, decided_at = excluded.decided_at"
            " WHERE verdict IS NULL",
            (job, target, span.first, span.last, span.count, verdict, reason, run_id, at),
        )

    def succeeded(self, job: str, window_start: Instant | None) -> None:
        """See `Ledger.succeeded`."""
        if window_start is not None:
            self._db.execute(
                "UPDATE jobs SET window_start = :start WHERE job = :job AND target = ''"
                " AND ifnull(window_start, :start) <= :start",
                {"job": job, "start": window_start},
            )

    def rows_after(self, job: str, instant: Instant) -> list[SlotRow]:
        """See `Ledger.rows_after`."""
        rows = self._db.execute(
            "SELECT job, target, first, last, count, verdict, reason, run_id FROM slots"
            " WHERE job = ? AND target = '' AND last > ? AND verdict IS NOT NULL ORDER BY first",
            (job, instant),
        )
        return [self._slot_row(row) for row in rows]

    def cut(self, job: str, first: Instant, span: Span | None) -> None:
        """See `Ledger.cut`."""
        if span is None:
            self._db.execute("DELETE FROM slots WHERE job = ? AND target = '' AND first = ?", (job, first))
        else:
            self._db.execute(
                "UPDATE slots SET last = ?, count = ? WHERE job = ? AND target = '' AND first = ?",
                (span.last, span.count, job, first),
            )

    def epochs(self) -> list[Epoch]:
        """See `Ledger.epochs`."""
        rows = self._db.execute(
            "SELECT job, target, starts_at, ends_at, schedules FROM epochs ORDER BY job, target, starts_at, id"
        )
        return [
            Epoch(
                job=job,
                target=target,
                starts_at=starts_at,
                ends_at=ends_at,
                schedules=read_schedules(schedules),
            )
            for job, target, starts_at, ends_at, schedules in rows
        ]

    def slot_rows(self) -> Iterator[SlotRow]:
        """See `Ledger.slot_rows`."""
        rows = self._db.execute(
            "SELECT job, target, first, last, count, verdict, reason, run_id FROM slots ORDER BY job, target, first"
        )
        yield from map(self._slot_row, rows)

    @staticmethod
    def _slot_row(row: tuple[Any, ...]) -> SlotRow:
        job, target, first, last, count, verdict, reason, run_id = row
        return SlotRow(
            job=job,
            target=target,
            span=Span(first, last, count),
            verdict=verdict,
            reason=reason,
            run_id=run_id,
        )

    def job_rows(self) -> list[JobRow]:
        """See `Ledger.job_rows`."""
        rows = self._db.execute(
            "SELECT job, target, position, open_reason, next_due, window_start, last_run_id, last_run_at, last_status,"
            " last_result, run_count, failure_count, schedules FROM jobs LEFT JOIN"
            " (SELECT job, target, schedules FROM epochs WHERE ends_at IS NULL) USING (job, target) ORDER BY job, target"
        )
        found = []
        for *head, result, run_count, failure_count, schedules in rows:
            document = msgspec.json.decode(result) if result else None
            epoch = read_schedules(schedules) if schedules else ()
            values = (*head, document, run_count, failure_count, epoch)
            found.append(JobRow(**dict(zip(JobRow.__struct_fields__, values, strict=True))))
        return found
