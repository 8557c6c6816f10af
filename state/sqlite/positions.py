"""The positions of jobs, their slots and verdicts, in SQL."""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TypeVar

import msgspec

from scheduled.core.keys import JobKey
from scheduled.core.records import JobRow, SlotRow
from scheduled.core.runs import FAILED, FormerEpoch, JobState, OpenReason, Span, Verdict
from scheduled.schedules.zones import Instant
from scheduled.state.sqlite.epochs import read_schedules
from scheduled.state.sqlite.runs import open_runs

Found = TypeVar("Found")

_STATES = """
    SELECT jobs.job, jobs.target, position, starts_at, ends_at, schedules, window_start, last_status, last_run_at
    FROM jobs JOIN epochs ON epochs.job = jobs.job AND epochs.target = jobs.target"""
_SUMMARIES = """
    SELECT jobs.job, jobs.target, position, open_reason, next_due, window_start, last_run_id, last_run_at, last_status,
           last_result, run_count, failure_count, schedules
    FROM jobs LEFT JOIN epochs ON epochs.job = jobs.job AND epochs.target = jobs.target AND ends_at IS NULL"""
_KEYS = "SELECT job, target FROM jobs WHERE "
_DECIDED = """
    SELECT jobs.job, jobs.target, first FROM jobs CROSS JOIN slots ON slots.job = jobs.job AND slots.target = jobs.target
    AND first > position"""


def _former(rows: Sequence[tuple[Any, ...]]) -> dict[JobKey, tuple[FormerEpoch, ...]]:
    """Return the ended epochs among the *rows* of `job_states`, oldest first, by key."""
    ended = [row for row in rows if row[4] is not None]
    return _by_key(
        (JobKey(job, target), FormerEpoch(read_schedules(schedules), starts_at, ends_at))
        for job, target, _, starts_at, ends_at, schedules, *_ in sorted(ended, key=lambda row: row[4])
    )


def _by_key(pairs: Iterable[tuple[JobKey, Found]]) -> dict[JobKey, tuple[Found, ...]]:
    """Return what is found for each key, in order. There may be very many for one key: none is copied more than once."""
    found: dict[JobKey, list[Found]] = {}
    for key, one in pairs:
        found.setdefault(key, []).append(one)
    return {key: tuple(of_key) for key, of_key in found.items()}


class Positions:
    """The `Positions` of a ledger; see `state.contract` for the contracts."""

    _db: sqlite3.Connection

    def job_states(self, keys: Iterable[JobKey] | None = None) -> dict[JobKey, JobState]:
        """See `Positions.job_states`."""
        keys = None if keys is None else list(keys)
        runs = open_runs(self._db, keys)
        waiting = {run.key: run for run in runs if run.slot is not None}
        busy = {run.key for run in runs if run.status != "waiting_retry"}
        started = {run.key for run in runs if run.status == "running"}
        others = _by_key((run.key, run) for run in runs if run.slot is None and run.status == "waiting_retry")
        decided = self._decided(keys)
        rows = self._of_keys(_STATES, "(ends_at IS NULL OR ends_at > position)", keys)
        former = _former(rows)
        return {
            (key := JobKey(job, target)): JobState(
                job=job,
                target=target,
                position=position,
                epoch=epoch,
                schedules=read_schedules(schedules),
                window_start=window_start,
                last_status=self._outcome(key, last_status) if last_status in FAILED else last_status,
                last_run_at=last_run_at,
                open_run=waiting.get(key),
                busy=key in busy,
                claimed=key in busy and key not in started,
                others=others.get(key, ()),
                decided=decided.get(key, ()),
                former=former.get(key, ()),
            )
            for job, target, position, epoch, ends_at, schedules, window_start, last_status, last_run_at in rows
            if ends_at is None
        }

    def _outcome(self, key: JobKey, last_status: str) -> str:
        """Return what became last of a job of which the last run ended with *last_status*, a failure.

        That is its newest run, other than one by hand that failed without a slot, or a slot that was skipped after it.
        """
        run = self._db.execute(
            "SELECT status, ifnull(finished_at, claimed_at) FROM runs WHERE job = ? AND target = ?"
            " AND status NOT IN ('claimed', 'running', 'waiting_retry')"
            " AND (trigger != 'manual' OR slot IS NOT NULL OR status = 'success') ORDER BY claimed_at DESC LIMIT 1",
            key,
        ).fetchone()
        slot = self._db.execute(
            "SELECT verdict, run_id, decided_at FROM slots WHERE job = ? AND target = ? AND verdict IS NOT NULL"
            " AND last <= (SELECT position FROM jobs WHERE job = ? AND target = ?) ORDER BY first DESC LIMIT 1",
            (*key, *key),
        ).fetchone()
        status, ended = run or (last_status, 0)
        skipped = slot is not None and slot[:2] == ("skipped", None) and slot[2] >= ended
        return "skipped" if skipped else status

    def job_rows(self, keys: Iterable[JobKey] | None = None) -> list[JobRow]:
        """See `Positions.job_rows`."""
        return self._rows(self._of_keys(_SUMMARIES, "TRUE", keys, "ORDER BY jobs.job, jobs.target"))

    def changed_rows(self, generation: int) -> list[JobRow]:
        """See `Positions.changed_rows`."""
        found = f"{_SUMMARIES} WHERE changed >= ? ORDER BY jobs.job, jobs.target"
        return self._rows(self._db.execute(found, (generation,)))

    @staticmethod
    def _rows(rows: Iterable[tuple[Any, ...]]) -> list[JobRow]:
        found = []
        for *head, result, run_count, failure_count, schedules in rows:
            document = msgspec.json.decode(result) if result else None
            epoch = read_schedules(schedules) if schedules else ()
            values = (*head, document, run_count, failure_count, epoch)
            found.append(JobRow(**dict(zip(JobRow.__struct_fields__, values, strict=True))))
        return found

    def keys_to_plan(self, until: Instant, generation: int) -> set[JobKey]:
        """See `Positions.keys_to_plan`."""
        return self._keys("next_due <= ? OR open_reason IS NOT NULL OR changed >= ?", until, generation)

    def keys_ahead(self, instant: Instant) -> set[JobKey]:
        """See `Positions.keys_ahead`."""
        runs = {run.key for run in open_runs(self._db, None) if run.slot is not None and run.slot > instant}
        return runs | self._keys("position > ?", instant)

    def keys_without_success(self) -> set[JobKey]:
        """See `Positions.keys_without_success`."""
        return self._keys("last_status IS NOT NULL AND last_status != 'success'")

    def keys_waiting(self, reasons: Iterable[OpenReason]) -> dict[JobKey, OpenReason]:
        """See `Positions.keys_waiting`."""
        rows = self._db.execute(
            "SELECT job, target, open_reason FROM jobs WHERE open_reason IN (SELECT value FROM json_each(?))"
            " ORDER BY job, target",
            (msgspec.json.encode(list(reasons)).decode(),),
        )
        return {JobKey(job, target): reason for job, target, reason in rows}

    def next_due(self) -> Instant | None:
        """See `Positions.next_due`."""
        found: Instant | None = self._db.execute("SELECT min(next_due) FROM jobs").fetchone()[0]
        return found

    def _keys(self, where: str, *values: Any) -> set[JobKey]:
        rows = self._db.execute(_KEYS + where, values)
        return {JobKey(*row) for row in rows}

    def advance(self, key: JobKey, position: Instant) -> None:
        """See `Positions.advance`."""
        self._db.execute(
            "UPDATE jobs SET position = ? WHERE job = ? AND target = ? AND position < ?",
            (position, *key, position),
        )

    def wait(self, key: JobKey, reason: OpenReason | None, next_due: Instant | None) -> None:
        """See `Positions.wait`."""
        self._db.execute(
            "UPDATE jobs SET open_reason = :reason, next_due = :next_due WHERE job = :job AND target = :target"
            " AND (open_reason IS NOT :reason OR next_due IS NOT :next_due)",
            {**key._asdict(), "reason": reason, "next_due": next_due},
        )

    def succeeded(self, key: JobKey, window_start: Instant | None) -> None:
        """See `Positions.succeeded`."""
        if window_start is not None:
            self._db.execute(
                "UPDATE jobs SET window_start = :start WHERE job = :job AND target = :target"
                " AND ifnull(window_start, :start) <= :start",
                {**key._asdict(), "start": window_start},
            )

    def forget_status(self, key: JobKey) -> None:
        """See `Positions.forget_status`."""
        self._db.execute("UPDATE jobs SET last_status = NULL WHERE job = ? AND target = ?", key)

    def record_verdict(
        self, key: JobKey, span: Span, verdict: Verdict, reason: str, run_id: str | None, at: Instant
    ) -> None:
        """See `Positions.record_verdict`."""
        self._db.execute(
            "INSERT INTO slots (job, target, first, last, count, verdict, reason, run_id, decided_at)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET verdict = excluded.verdict,"
            " reason = excluded.reason, run_id = excluded.run_id, decided_at = excluded.decided_at"
            " WHERE verdict IS NULL",
            (*key, span.first, span.last, span.count, verdict, reason, run_id, at),
        )

    def reopen(self, key: JobKey, first: Instant, *, keeps_run: bool = False) -> None:
        """See `Positions.reopen`."""
        if keeps_run:
            self._db.execute(
                "UPDATE slots SET verdict = NULL, reason = '' WHERE job = ? AND target = ? AND first = ?",
                (*key, first),
            )
        else:
            self.cut(key, first, None)
        self._db.execute(
            "UPDATE jobs SET position = ? WHERE job = ? AND target = ? AND position >= ?",
            (first - 1, *key, first),
        )

    def row_at(self, key: JobKey, instant: Instant) -> SlotRow | None:
        """See `Positions.row_at`."""
        row = self._db.execute(
            "SELECT job, target, first, last, count, verdict, reason, run_id, decided_at FROM slots"
            " WHERE job = ? AND target = ? AND first <= ? ORDER BY first DESC LIMIT 1",
            (*key, instant),
        ).fetchone()
        return None if row is None else self._slot_row(row)

    def rows_after(self, key: JobKey, instant: Instant) -> list[SlotRow]:
        """See `Positions.rows_after`."""
        rows = self._db.execute(
            "SELECT job, target, first, last, count, verdict, reason, run_id, decided_at FROM slots"
            " WHERE job = ? AND target = ? AND last > ? AND verdict IS NOT NULL ORDER BY first",
            (*key, instant),
        )
        return [self._slot_row(row) for row in rows]

    def slot_rows(self) -> Iterator[SlotRow]:
        """See `Positions.slot_rows`."""
        rows = self._db.execute(
            "SELECT job, target, first, last, count, verdict, reason, run_id, decided_at FROM slots ORDER BY job, target, first"
        )
        yield from map(self._slot_row, rows)

    def cut(self, key: JobKey, first: Instant, span: Span | None) -> None:
        """See `Positions.cut`."""
        if span is None:
            self._db.execute("DELETE FROM slots WHERE job = ? AND target = ? AND first = ?", (*key, first))
        else:
            self._db.execute(
                "UPDATE slots SET last = ?, count = ? WHERE job = ? AND target = ? AND first = ?",
                (span.last, span.count, *key, first),
            )

    def _of_keys(
        self, query: str, where: str, keys: Iterable[JobKey] | None, order: str = ""
    ) -> list[tuple[Any, ...]]:
        """Return the rows of *query*, which reads `jobs`, that fulfil *where*; with *keys*, only of these, sorted."""
        if keys is None:
            return self._db.execute(f"{query} WHERE {where} {order}").fetchall()
        of_key = f"{query} WHERE jobs.job = ? AND jobs.target = ? AND {where}"
        return [row for key in sorted(keys) for row in self._db.execute(of_key, key)]

    def _decided(self, keys: Iterable[JobKey] | None) -> dict[JobKey, tuple[Instant, ...]]:
        """Return, for each key, the single slots beyond its position that already have a verdict."""
        rows = self._of_keys(_DECIDED, "verdict IS NOT NULL AND first = last", keys)
        return _by_key((JobKey(job, target), slot) for job, target, slot in rows)

    @staticmethod
    def _slot_row(row: tuple[Any, ...]) -> SlotRow:
        job, target, first, last, count, verdict, reason, run_id, decided_at = row
        return SlotRow(
            job=job,
            target=target,
            span=Span(first, last, count),
            verdict=verdict,
            reason=reason,
            run_id=run_id,
            decided_at=decided_at,
        )
