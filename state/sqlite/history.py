"""Past runs and their attempts, and the deletion of old history, in SQL."""

import sqlite3
from collections.abc import Iterator, Mapping
from itertools import takewhile
from typing import Any

import msgspec

from scheduled.core.approvals import NOT_IN_TIME
from scheduled.core.judgement import DEFERRED
from scheduled.core.keys import JobKey
from scheduled.core.no_catch_up import SUPERSEDED
from scheduled.core.records import AttemptRow, RunRow, SkippedRow
from scheduled.core.runs import FAILED, Span
from scheduled.schedules.zones import DAY, Instant
from scheduled.state.sqlite.runs import OPEN_STATUSES

DECIDED_STATUSES = f"({', '.join(repr(status) for status in sorted({'success', *FAILED}))})"
_RUN = """
    SELECT run_id, job, target, slot, slots, trigger, attempt, status, reason, retry_at, tick, ifnull(origins.host, ''),
           claimed_at, started_at, finished_at, duration_ms, exit_code,
           iif(trigger IN ('manual', 'chain'), json_extract(payload, '$.scheduled_for'), NULL),
           (SELECT name FROM hosts WHERE hosts.host = origins.host), result, parent, step, payload
    FROM runs LEFT JOIN origins ON origins.id = origin
"""
# The payload of an event about a run names the run. UNION ends the recursion if a payload names a later run.
_CAUSES = """
    WITH RECURSIVE led (run_id) AS (
        SELECT :run_id
        UNION
        SELECT iif(parent != '', parent, json_extract(payload, '$.run_id')) FROM runs JOIN led USING (run_id)
        WHERE trigger IN ('event', 'chain')
    )
    SELECT job FROM runs JOIN led USING (run_id)
"""
# The second condition must be that of the index runs_by_status.
_OF_STATUS, _OF_OTHER_STATUS = "status = ?", "status = ? AND status != 'success'"
# The conditions must be those of the index slots_skipped.
_SKIPPED = """
    SELECT job, target, first, last, count, reason, decided_at FROM slots
    WHERE verdict = 'skipped' AND run_id IS NULL"""
# A slot that did not get to run: skipped without a run, or with a run of which every attempt ended with "not now", or that
# was not approved in time.
_RULED_OUT = f"""iif(slots.run_id IS NULL, verdict = 'skipped',
    runs.status IN ('skipped', 'waiting_retry') AND runs.deferrals = runs.attempt
    AND (runs.deferrals > 0 OR runs.reason = '{NOT_IN_TIME}'))"""
_NEWEST_DECIDED = f"""
    SELECT first, last, count, iif(slots.reason = '', runs.reason, slots.reason), slots.run_id, verdict, decided_at, {_RULED_OUT}
    FROM slots LEFT JOIN runs USING (run_id)
    WHERE slots.job = ? AND slots.target = ? AND first <= ? AND verdict IS NOT NULL ORDER BY first DESC LIMIT ?"""  # noqa: S608 - constants
_RULED_OUT_LAST = f"""
    SELECT jobs.job, jobs.target, position FROM jobs JOIN epochs USING (job, target) WHERE ends_at IS NULL AND EXISTS (
        SELECT 1 FROM slots LEFT JOIN runs USING (run_id) WHERE slots.job = jobs.job AND slots.target = jobs.target
        AND {_RULED_OUT} AND first = (SELECT max(first) FROM slots newest WHERE newest.job = jobs.job
        AND newest.target = jobs.target AND newest.verdict IS NOT NULL AND newest.first <= position))"""  # noqa: S608 - constants

# The oldest first, each statement at most a number of rows: the indexes runs_by_job and that of the slots have this order.
# A chain counts the runs of its step: they stay until it has ended.
_PRUNE_RUNS = f"""
    DELETE FROM runs WHERE rowid IN (
        SELECT rowid FROM runs WHERE job = ? AND target = ? AND claimed_at <= ? AND (claimed_at, rowid) <= (?, ?)
        AND run_id != ? AND status NOT IN {OPEN_STATUSES}
        AND (parent = '' OR parent NOT IN (SELECT run_id FROM runs WHERE status IN {OPEN_STATUSES}))
        ORDER BY claimed_at LIMIT ?)
    RETURNING run_id, slot"""  # noqa: S608 - a constant
_FORGET_RUN = """
    UPDATE slots SET run_id = NULL WHERE job = :job AND target = :target AND first = :slot AND verdict = 'success'"""
# The row before that of the slot, if it is of the same day, epoch and kind.
_EXTEND = """
    UPDATE slots SET last = :slot, count = count + 1
    WHERE job = :job AND target = :target AND verdict = 'success' AND run_id IS NULL AND first >= :day
    AND first = (SELECT max(first) FROM slots WHERE job = :job AND target = :target AND first < :slot)
    AND NOT EXISTS (SELECT 1 FROM epochs WHERE epochs.job = :job AND epochs.target = :target
        AND starts_at >= slots.last AND starts_at < :slot)"""
_PRUNE_SLOTS = """
    DELETE FROM slots WHERE job = ? AND target = ? AND first IN (
        SELECT first FROM slots WHERE job = ? AND target = ? AND first <= ? AND last <= ? AND verdict IS NOT NULL
        ORDER BY first LIMIT ?)"""
_PRUNE_EPOCHS = """
    DELETE FROM epochs WHERE ends_at < ? AND NOT EXISTS (
        SELECT 1 FROM jobs JOIN epochs AS last USING (job, target)
        WHERE jobs.job = epochs.job AND jobs.target = epochs.target AND last.ends_at IS NULL
        AND jobs.position < epochs.ends_at)"""


def _attempt_row(row: tuple[Any, ...]) -> AttemptRow:
    fields = dict(zip(AttemptRow.__struct_fields__, row, strict=True))
    return AttemptRow(**{**fields, "printed": bool(fields["printed"]), "result": _document(fields["result"])})


def _document(text: str | None) -> dict[str, Any] | None:
    return msgspec.json.decode(text) if text else None


class History:
    """The `History` of a ledger; see `state.contract` for the contracts."""

    _db: sqlite3.Connection

    def run(self, run_id: str) -> RunRow | None:
        """See `History.run`."""
        row = self._db.execute(f"{_RUN} WHERE run_id = ?", (run_id,)).fetchone()
        return self._run_row(row) if row else None

    def last_decided(self, key: JobKey) -> RunRow | None:
        """See `History.last_decided`."""
        row = self._db.execute(
            f"{_RUN} WHERE job = ? AND target = ? AND status IN {DECIDED_STATUSES} ORDER BY claimed_at DESC LIMIT 1",
            key,
        ).fetchone()
        return self._run_row(row) if row else None

    def children(self, parent: str, step: int | None = None) -> list[RunRow]:
        """See `History.children`."""
        rows = self._db.execute(
            f"{_RUN} WHERE parent = :parent AND step = ifnull(:step, step) ORDER BY claimed_at, runs.rowid",
            {"parent": parent, "step": step},
        )
        return [self._run_row(row) for row in rows]

    def attempts(self, run_id: str) -> list[AttemptRow]:
        """See `History.attempts`."""
        rows = self._db.execute(
            "SELECT run_id, attempt, status, reason, started_at, finished_at, duration_ms, exit_code, printed, result,"
            " class, model, tokens, cost FROM attempts WHERE run_id = ? ORDER BY attempt",
            (run_id,),
        )
        return [_attempt_row(row) for row in rows]

    def causes(self, run_id: str) -> frozenset[str]:
        """See `History.causes`."""
        rows = self._db.execute(_CAUSES, {"run_id": run_id})
        return frozenset(job for (job,) in rows)

    def history(
        self,
        *,
        job: str | None = None,
        target: str | None = None,
        limit: int = 20,
        since: float | None = None,
        status: str | None = None,
    ) -> list[RunRow]:
        """See `History.history`."""
        filters = {"claimed_at >= ?": since, _OF_STATUS if status == "success" else _OF_OTHER_STATUS: status}
        if job is None:
            return self._newest(filters, limit)
        if target is not None:
            return self._newest({"job = ?": job, "target = ?": target, **filters}, limit)
        # One query for each target uses the index order; one for all targets would have to sort all runs of the job.
        targets = self._db.execute("SELECT target FROM jobs WHERE job = ?", (job,)).fetchall()
        found = [
            row
            for (one,) in targets
            for row in self._newest({"job = ?": job, "target = ?": one, **filters}, limit)
        ]
        found.sort(key=lambda row: (row.claimed_at, row.run_id), reverse=True)
        return found if limit < 0 else found[:limit]

    def all_runs(self) -> Iterator[RunRow]:
        """See `History.all_runs`."""
        for row in self._db.execute(_RUN):
            yield self._run_row(row)

    def _newest(self, filters: Mapping[str, str | float | None], limit: int) -> list[RunRow]:
        given = {condition: value for condition, value in filters.items() if value is not None}
        where = f"WHERE {' AND '.join(given)}" if given else ""
        rows = self._db.execute(
            f"{_RUN} {where} ORDER BY claimed_at DESC, run_id DESC LIMIT ?", (*given.values(), limit)
        )
        return [self._run_row(row) for row in rows]

    def skipped(
        self,
        *,
        job: str | None = None,
        target: str | None = None,
        limit: int = 20,
        since: float | None = None,
    ) -> list[SkippedRow]:
        """See `History.skipped`."""
        given = {"job = ?": job, "target = ?": target, "decided_at >= ?": since}
        filters = {condition: value for condition, value in given.items() if value is not None}
        rows = self._db.execute(
            f"{' AND '.join([_SKIPPED, *filters])} ORDER BY decided_at DESC, first DESC LIMIT ?",
            (*filters.values(), limit),
        )
        return [
            SkippedRow(job=job, target=target, span=Span(first, last, count), reason=reason, decided_at=at)
            for job, target, first, last, count, reason, at in rows
        ]

    def last_skips(self, limit: int) -> dict[JobKey, list[SkippedRow]]:
        """See `History.last_skips`."""
        if not self._has_skips():
            return {}
        found = {}
        for job, target, position in self._db.execute(_RULED_OUT_LAST).fetchall():
            rows = self._db.execute(_NEWEST_DECIDED, (job, target, position, limit))
            skips = takewhile(lambda row: row[-1], rows)
            found[JobKey(job, target)] = [
                SkippedRow(
                    job=job,
                    target=target,
                    span=Span(first, last, count),
                    reason=DEFERRED
                    if run_id and (verdict == "coalesced" or reason == SUPERSEDED)
                    else reason,
                    decided_at=at,
                )
                for first, last, count, reason, run_id, verdict, at, _ in skips
            ]
        return found

    def _has_skips(self) -> bool:
        return bool(self.history(status="skipped", limit=1) or self.skipped(limit=1))

    def prune(
        self, before: Instant, keep_runs: int, limit: int, begin: JobKey | None = None
    ) -> tuple[list[str], JobKey | None]:
        """See `History.prune`."""
        gone: list[str] = []
        jobs = self._db.execute(
            "SELECT job, target, position, last_run_id FROM jobs WHERE (job, target) >= (?, ?)"
            " ORDER BY job, target LIMIT ?",
            (*(begin or ("", "")), limit + 1),
        ).fetchall()
        left = limit
        for job, target, position, last_run in jobs:
            if left <= 0:
                return gone, JobKey(job, target)
            runs = self._prune_runs((job, target), last_run or "", before, keep_runs, left)
            gone += runs
            slots = self._prune_slots((job, target), min(before - 1, position), left - len(runs))
            if len(runs) + slots == left:
                return gone, JobKey(job, target)  # it may have more
            left -= 1 + len(runs) + slots
        self._db.execute(_PRUNE_EPOCHS, (before,))
        return gone, None

    def _prune_runs(
        self, key: tuple[str, str], last_run: str, before: Instant, keep_runs: int, limit: int
    ) -> list[str]:
        """Delete up to *limit* of the oldest runs of *key* with their attempts; return their ids."""
        newest_surplus = self._db.execute(
            "SELECT claimed_at, rowid FROM runs WHERE job = ? AND target = ?"
            " ORDER BY claimed_at DESC, rowid DESC LIMIT 1 OFFSET ?",
            (*key, keep_runs),
        ).fetchone()
        newest = max((before, -1), newest_surplus or (before, -1))
        rows = self._db.execute(_PRUNE_RUNS, (*key, newest[0], *newest, last_run, limit))
        gone = rows.fetchall()
        self._db.executemany("DELETE FROM other_attempts WHERE run_id = ?", [(run_id,) for run_id, _ in gone])
        for slot in sorted(slot for _, slot in gone if slot is not None):
            self._merge(key, slot)
        return [run_id for run_id, _ in gone]

    def _merge(self, key: tuple[str, str], slot: Instant) -> None:
        """Make one row of the successes of a day of which the runs were deleted: add *slot* to those before it."""
        known = {"job": key[0], "target": key[1], "slot": slot, "day": slot // DAY * DAY}
        if self._db.execute(_FORGET_RUN, known).rowcount and self._db.execute(_EXTEND, known).rowcount:
            self._db.execute(
                "DELETE FROM slots WHERE job = :job AND target = :target AND first = :slot", known
            )

    def _prune_slots(self, key: tuple[str, str], until: Instant, limit: int) -> int:
        """Delete up to *limit* of the oldest verdicts of *key* up to *until*; return how many."""
        return self._db.execute(_PRUNE_SLOTS, (*key, *key, until, until, limit)).rowcount

    @staticmethod
    def _run_row(row: tuple[Any, ...]) -> RunRow:
        fields = dict(zip(RunRow.__struct_fields__, row, strict=True))
        documents = {"result": _document(fields["result"]), "payload": _document(fields["payload"])}
        return RunRow(**fields | documents)
