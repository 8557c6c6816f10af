"""Runs, from their claim to their end, and what is open at any moment, in SQL."""

import sqlite3
from collections.abc import Mapping
from typing import Any

import msgspec

from scheduled.core.records import CHAIN, AttemptRow, Claimant, RunRow
from scheduled.core.runs import AttemptResult, Claim, JobState, OpenRun
from scheduled.schedules.zones import Instant
from scheduled.state.sqlite.positions import read_schedules

_OPEN = "('claimed', 'running', 'waiting_retry')"
_OPEN_RUN = """
    SELECT run_id, job, target, slot, status, attempt, slots, triggered_by, tick, boot, host, retry_at, window_start,
           interruptions, deferrals, stop_requested, reason,
           exists(SELECT 1 FROM attempts a WHERE a.run_id = runs.run_id AND a.attempt = runs.attempt
                  AND a.status = 'interrupted'), event, payload, parent, step, depth, started_at FROM runs WHERE status IN ('claimed', 'running', 'waiting_retry')
"""
_RUN = """
    SELECT run_id, job, target, slot, slots, triggered_by, attempt, status, reason, retry_at, tick, host,
           claimed_at, started_at, finished_at, duration_ms, exit_code,
           iif(triggered_by IN ('manual', 'chain'), json_extract(payload, '$.scheduled_for'), NULL),
           (SELECT name FROM hosts WHERE hosts.host = runs.host) FROM runs
"""


def _open_run(row: tuple[Any, ...]) -> OpenRun:
    fields = dict(zip(OpenRun.__struct_fields__, row, strict=True))
    flags = {name: bool(fields[name]) for name in ("stop_requested", "interrupted")}
    return OpenRun(**{**fields, **flags, "payload": msgspec.json.decode(fields["payload"])})


def _attempt_row(row: tuple[Any, ...]) -> AttemptRow:
    *head, result = row
    values = (*head, msgspec.json.decode(result) if result else None)
    return AttemptRow(**dict(zip(AttemptRow.__struct_fields__, values, strict=True)))


class Runs:
    """The part of a `Ledger` that knows runs; see there for the contracts."""

    _db: sqlite3.Connection

    def job_states(self) -> dict[str, JobState]:
        """See `Ledger.job_states`."""
        runs = self.open_runs()
        waiting = {(run.job, run.target): run for run in runs if run.slot is not None}
        busy = {(run.job, run.target) for run in runs if run.status != "waiting_retry"}
        others: dict[tuple[str, str], tuple[OpenRun, ...]] = {}
        for run in runs:
            if run.slot is None and run.status == "waiting_retry":
                key = run.job, run.target
                others[key] = (*others.get(key, ()), run)
        decided = self._decided()
        rows = self._db.execute(
            "SELECT job, target, position, starts_at, schedules, window_start, last_status, last_run_at"
            " FROM epochs JOIN jobs USING (job, target) WHERE ends_at IS NULL AND target = ''"
        )
        return {
            job: JobState(
                job=job,
                target=target,
                position=position,
                epoch=epoch,
                schedules=read_schedules(schedules),
                window_start=window_start,
                last_status=last_status,
                last_run_at=last_run_at,
                open_run=waiting.get((job, target)),
                busy=(job, target) in busy,
                others=others.get((job, target), ()),
                decided=decided.get((job, target), ()),
            )
            for job, target, position, epoch, schedules, window_start, last_status, last_run_at in rows
        }

    def _decided(self) -> dict[tuple[str, str], tuple[Instant, ...]]:
        """Return the single slots that were given a verdict before all older ones had theirs."""
        found: dict[tuple[str, str], tuple[Instant, ...]] = {}
        rows = self._db.execute(
            "SELECT jobs.job, jobs.target, first FROM jobs CROSS JOIN slots ON slots.job = jobs.job AND slots.target = jobs.target"
            " AND first > position WHERE verdict IS NOT NULL AND first = last"
        )
        for job, target, slot in rows:
            found[job, target] = (*found.get((job, target), ()), slot)
        return found

    def claim(self, claim: Claim, claimant: Claimant, at: float) -> bool:
        """See `Ledger.claim`."""
        if claim.slot is not None and not self._take_slot(claim, at):
            return False
        # A job that was never enabled may be run by hand, and is counted like any other.
        self._db.execute(
            "INSERT OR IGNORE INTO jobs (job, target, position) VALUES (?, ?, 0)", (claim.job, claim.target)
        )
        return (
            self._db.execute(
                "INSERT OR IGNORE INTO runs (run_id, job, target, slot, slots, triggered_by, attempt, status, window_start,"
                " tick, boot, host, claimed_at, event, payload, parent, step, depth)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, 'claimed', ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    claim.run_id,
                    claim.job,
                    claim.target,
                    claim.slot,
                    claim.slots,
                    claim.trigger,
                    claim.attempt,
                    claim.window_start,
                    claimant.tick,
                    claimant.boot,
                    claimant.host,
                    at,
                    claim.event,
                    msgspec.json.encode(claim.payload).decode(),
                    claim.parent,
                    claim.step,
                    claim.depth,
                ),
            ).rowcount
            == 1
        )

    def _take_slot(self, claim: Claim, at: float) -> bool:
        before = self._db.execute(
            "SELECT last FROM slots WHERE job = ? AND target = ? AND first <= ? ORDER BY first DESC LIMIT 1",
            (claim.job, claim.target, claim.slot),
        ).fetchone()
        if before and before[0] >= claim.slot:
            return False
        return (
            self._db.execute(
                "INSERT OR IGNORE INTO slots (job, target, first, last, run_id, decided_at) VALUES (?, ?, ?, ?, ?, ?)",
                (claim.job, claim.target, claim.slot, claim.slot, claim.run_id, int(at)),
            ).rowcount
            == 1
        )

    def reclaim(self, claim: Claim, claimant: Claimant, at: float) -> bool:
        """See `Ledger.reclaim`."""
        return (
            self._db.execute(
                "UPDATE runs SET status = 'claimed', attempt = ?, tick = ?, boot = ?, host = ?, retry_at = NULL,"
                " claimed_at = ?, started_at = NULL WHERE run_id = ? AND status = 'waiting_retry'",
                (claim.attempt, claimant.tick, claimant.boot, claimant.host, at, claim.run_id),
            ).rowcount
            == 1
        )

    def unclaim(self, run_id: str) -> None:
        """See `Ledger.unclaim`."""
        self._db.execute(
            "UPDATE runs SET status = 'waiting_retry', attempt = attempt - 1, retry_at = 0"
            " WHERE run_id = ? AND triggered_by != 'manual' AND status = 'claimed'",
            (run_id,),
        )
        self._db.execute(
            "DELETE FROM runs WHERE run_id = ? AND triggered_by = 'manual' AND status = 'claimed'", (run_id,)
        )

    def started(self, run_id: str, attempt: int, at: float) -> None:
        """See `Ledger.started`."""
        self._db.execute(
            "UPDATE runs SET status = 'running', started_at = ? WHERE run_id = ? AND attempt = ? AND status = 'claimed'",
            (at, run_id, attempt),
        )

    def ended(
        self,
        ending: AttemptResult,
        run_status: str,
        retry_at: Instant | None,
        result: Mapping[str, Any] | None,
    ) -> None:
        """See `Ledger.ended`."""
        document = None if result is None else msgspec.json.encode(result).decode()
        self._db.execute(
            "INSERT OR REPLACE INTO attempts (run_id, attempt, status, reason, started_at, finished_at, duration_ms, exit_code,"
            " output, result) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                ending.run_id,
                ending.attempt,
                ending.status,
                ending.reason,
                ending.started_at,
                ending.finished_at,
                ending.duration_ms,
                ending.exit_code,
                ending.output,
                document,
            ),
        )
        self._db.execute(
            "UPDATE runs SET status = ?, reason = ?, retry_at = ?, started_at = ?, finished_at = ?, duration_ms = ?,"
            " exit_code = ?, result = ?, interruptions = interruptions + ?, deferrals = deferrals + ? WHERE run_id = ?",
            (
                run_status,
                ending.reason,
                retry_at,
                ending.started_at,
                ending.finished_at,
                ending.duration_ms,
                ending.exit_code,
                document,
                ending.status == "interrupted",
                ending.status == "deferred",
                ending.run_id,
            ),
        )
        if run_status != "waiting_retry":
            self._summarise(ending, run_status, document)

    def _summarise(self, ending: AttemptResult, run_status: str, document: str | None) -> None:
        failed = run_status not in ("success", "skipped")
        self._db.execute(
            "UPDATE jobs SET last_run_id = :run_id, last_run_at = :finished_at, last_status = :status,"
            " last_result = ifnull(:result, last_result), run_count = run_count + 1,"
            " failure_count = failure_count + :failed"
            " WHERE (job, target) = (SELECT job, target FROM runs WHERE run_id = :run_id)",
            {
                "run_id": ending.run_id,
                "finished_at": ending.finished_at,
                "status": run_status,
                "result": document,
                "failed": failed,
            },
        )

    def attempts(self, run_id: str) -> list[AttemptRow]:
        """See `Ledger.attempts`."""
        rows = self._db.execute(
            "SELECT run_id, attempt, status, reason, started_at, finished_at, duration_ms, exit_code, output, result"
            " FROM attempts WHERE run_id = ? ORDER BY attempt",
            (run_id,),
        )
        return [_attempt_row(row) for row in rows]

    def close_run(self, run_id: str, status: str, reason: str) -> None:
        """See `Ledger.close_run`."""
        self._db.execute(
            f"UPDATE runs SET status = ?, reason = ?, retry_at = NULL WHERE run_id = ? AND status IN {_OPEN}",  # noqa: S608 - a constant
            (status, reason, run_id),
        )

    def retry_now(self, run_id: str, at: Instant) -> None:
        """See `Ledger.retry_now`."""
        self._db.execute(
            "UPDATE runs SET retry_at = ? WHERE run_id = ? AND status = 'waiting_retry'", (at, run_id)
        )

    def begin_chain(self, run_id: str, payload: Mapping[str, Any]) -> None:
        """See `Ledger.begin_chain`."""
        self._db.execute(
            "UPDATE runs SET status = 'running', tick = ?, payload = ?, started_at = ifnull(started_at, claimed_at)"
            " WHERE run_id = ? AND status IN ('claimed', 'running', 'waiting_retry')",
            (CHAIN, msgspec.json.encode(payload).decode(), run_id),
        )

    def children(self, parent: str, step: int) -> list[RunRow]:
        """See `Ledger.children`."""
        rows = self._db.execute(f"{_RUN} WHERE parent = ? AND step = ? ORDER BY claimed_at", (parent, step))
        return [self._run_row(row) for row in rows]

    def request_stop(self, run_id: str) -> None:
        """See `Ledger.request_stop`."""
        self._db.execute("UPDATE runs SET stop_requested = 1 WHERE run_id = ?", (run_id,))

    def open_runs(self) -> list[OpenRun]:
        """See `Ledger.open_runs`."""
        return [_open_run(row) for row in self._db.execute(_OPEN_RUN)]

    def open_run(self, run_id: str) -> OpenRun | None:
        """See `Ledger.open_run`."""
        row = self._db.execute(f"{_OPEN_RUN} AND run_id = ?", (run_id,)).fetchone()
        return _open_run(row) if row else None

    def history(
        self,
        *,
        job: str | None = None,
        limit: int = 20,
        since: float | None = None,
        status: str | None = None,
    ) -> list[RunRow]:
        """See `Ledger.history`."""
        asked = {"job = ?": job, "claimed_at >= ?": since, "status = ?": status}
        given = {condition: value for condition, value in asked.items() if value is not None}
        where = f"WHERE {' AND '.join(given)}" if given else ""
        rows = self._db.execute(
            f"{_RUN} {where} ORDER BY claimed_at DESC, run_id DESC LIMIT ?", (*given.values(), limit)
        )
        return [self._run_row(row) for row in rows]

    def run(self, run_id: str) -> RunRow | None:
        """See `Ledger.run`."""
        row = self._db.execute(f"{_RUN} WHERE run_id = ?", (run_id,)).fetchone()
        return self._run_row(row) if row else None

    @staticmethod
    def _run_row(row: tuple[Any, ...]) -> RunRow:
        return RunRow(**dict(zip(RunRow.__struct_fields__, row, strict=True)))
