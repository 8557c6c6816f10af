"""Runs from claim to end, in SQL."""

import sqlite3
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from scheduled.core.keys import JobKey
from scheduled.core.records import CHAIN, Claimant
from scheduled.core.runs import OPEN, AttemptResult, Claim, OpenRun
from scheduled.schedules.zones import Instant

OPEN_STATUSES = f"({', '.join(repr(status) for status in sorted(OPEN))})"
_ATTEMPT_FIELDS = (
    "run_id", "attempt", "status", "reason", "started_at", "finished_at", "duration_ms", "exit_code", "printed",
    "failure_class", "model", "tokens", "cost",
)  # fmt: skip
_ATTEMPT = """
    INSERT OR REPLACE INTO other_attempts (run_id, attempt, status, reason, started_at, finished_at, duration_ms,
        exit_code, printed, result, class, model, tokens, cost)
    VALUES (:run_id, :attempt, :status, :reason, :started_at, :finished_at, :duration_ms, :exit_code,
        :printed, :result, :failure_class, :model, :tokens, :cost)
"""
# The tick is needed to find out what became of a run that is under way, and takes space.
_OVER = f"tick = iif(tick = '{CHAIN}', tick, '')"
_OPEN_RUN = f"""
    SELECT run_id, job, target, slot, status, attempt, slots, trigger, tick, ifnull(boot, ''), ifnull(host, ''),
           retry_at, window_start,
           interruptions, deferrals, stop_requested = 1, stop_requested = 2, reason,
           exists(SELECT 1 FROM other_attempts a WHERE a.run_id = runs.run_id AND a.attempt = runs.attempt
                  AND a.status = 'interrupted'), event, payload, parent, step, depth, started_at,
           (SELECT min(started_at) FROM other_attempts a WHERE a.run_id = runs.run_id), claimed_at
    FROM runs LEFT JOIN origins ON origins.id = origin WHERE status IN {OPEN_STATUSES}
"""  # noqa: S608 - a constant


_OCCUPIED = """
    SELECT claimed_at, NULL FROM runs
    WHERE job = :job AND target = :target AND status IN ('claimed', 'running')
    UNION ALL SELECT claimed_at, finished_at FROM runs
    WHERE job = :job AND target = :target AND status NOT IN ('claimed', 'running') AND finished_at > :after
    UNION ALL SELECT other.started_at, other.finished_at FROM other_attempts AS other JOIN runs USING (run_id)
    WHERE job = :job AND target = :target AND other.finished_at > :after AND other.started_at IS NOT NULL
"""


def _open_run(row: tuple[Any, ...]) -> OpenRun:
    fields = dict(zip(OpenRun.__struct_fields__, row, strict=True))
    flags = {name: bool(fields[name]) for name in ("stop_requested", "replaced", "interrupted")}
    return OpenRun(**{**fields, **flags, "payload": msgspec.json.decode(fields["payload"])})


def open_runs(db: sqlite3.Connection, keys: Iterable[JobKey] | None = None) -> list[OpenRun]:
    """Return every run that has not ended; with *keys*, only those of these jobs and targets, sorted by them."""
    if keys is None:
        return [_open_run(row) for row in db.execute(_OPEN_RUN)]
    of_key = f"{_OPEN_RUN} AND job = ? AND target = ? ORDER BY runs.rowid"
    return [_open_run(row) for key in sorted(keys) for row in db.execute(of_key, key)]


def is_all_in_run(result: AttemptResult) -> bool:
    """Return whether the row of a run that succeeded has all of the *result* of its attempt, so that it needs no other row."""
    session = (result.failure_class, result.model, result.tokens, result.cost)
    return result.attempt == 1 and result.status == "success" and session == (None, None, None, None)


class Runs:
    """The `Runs` of a ledger; see `state.contract` for the contracts."""

    _db: sqlite3.Connection

    def claim(self, claim: Claim, claimant: Claimant, at: float) -> bool:
        """See `Runs.claim`."""
        if claim.slot is not None and not self._take_slot(claim, at):
            return False
        # A job that was never enabled can have a manual run, and needs a row for its run counts.
        self._db.execute(
            "INSERT OR IGNORE INTO jobs (job, target, position) VALUES (?, ?, 0)", (claim.job, claim.target)
        )
        return (
            self._db.execute(
                "INSERT OR IGNORE INTO runs (run_id, job, target, slot, slots, trigger, attempt, status, window_start,"
                " tick, origin, claimed_at, event, payload, parent, step, depth)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, 'claimed', ?, ?, ?, ?, ?, ?, ?, ?, ?)",
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
                    self._origin(claimant),
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

    def reclaim(self, claim: Claim, claimant: Claimant, at: float) -> bool:
        """See `Runs.reclaim`."""
        return (
            self._db.execute(
                "UPDATE runs SET status = 'claimed', attempt = ?, tick = ?, origin = ?, retry_at = NULL,"
                " claimed_at = ?, started_at = NULL, stop_requested = stop_requested % 2 WHERE run_id = ? AND status = 'waiting_retry'",
                (claim.attempt, claimant.tick, self._origin(claimant), at, claim.run_id),
            ).rowcount
            == 1
        )

    def unclaim(self, run_id: str) -> None:
        """See `Runs.unclaim`."""
        self._db.execute(
            "UPDATE runs SET status = 'waiting_retry', attempt = attempt - 1, retry_at = CAST(claimed_at AS INTEGER)"
            " WHERE run_id = ? AND trigger != 'manual' AND status = 'claimed'",
            (run_id,),
        )
        self._db.execute(
            "DELETE FROM runs WHERE run_id = ? AND trigger = 'manual' AND status = 'claimed'", (run_id,)
        )

    def park(self, run_id: str) -> None:
        """See `Runs.park`."""
        self._db.execute(
            "UPDATE runs SET status = 'waiting_retry', attempt = attempt - 1, retry_at = NULL"
            " WHERE run_id = ? AND status = 'claimed'",
            (run_id,),
        )

    def started(self, run_id: str, attempt: int, at: float) -> None:
        """See `Runs.started`."""
        self._db.execute(
            "UPDATE runs SET status = 'running', started_at = ? WHERE run_id = ? AND attempt = ? AND status = 'claimed'",
            (at, run_id, attempt),
        )

    def ended(
        self,
        attempt_result: AttemptResult,
        run_status: str,
        retry_at: Instant | None,
        result: Mapping[str, Any] | None,
    ) -> None:
        """See `Runs.ended`."""
        document = None if result is None else msgspec.json.encode(result).decode()
        in_run = run_status == "success" and is_all_in_run(attempt_result)
        if not in_run:
            self._record_attempt(attempt_result, document)
        over = "" if run_status == "waiting_retry" else f"{_OVER},"
        self._db.execute(
            f"UPDATE runs SET {over} status = ?, reason = ?, retry_at = ?, started_at = ?, finished_at = ?, duration_ms = ?,"  # noqa: S608 - a constant
            " exit_code = ?, result = ?, printed = ?, interruptions = interruptions + ?, deferrals = deferrals + ?"
            " WHERE run_id = ?",
            (
                run_status,
                attempt_result.reason,
                retry_at,
                attempt_result.started_at,
                attempt_result.finished_at,
                attempt_result.duration_ms,
                attempt_result.exit_code,
                document,
                attempt_result.printed if in_run else None,
                attempt_result.status == "interrupted",
                attempt_result.status == "deferred",
                attempt_result.run_id,
            ),
        )
        if run_status != "waiting_retry":
            self._summarise(attempt_result.run_id, run_status, document)

    def _record_attempt(self, attempt_result: AttemptResult, document: str | None) -> None:
        values = {name: getattr(attempt_result, name) for name in _ATTEMPT_FIELDS} | {"result": document}
        self._db.execute(_ATTEMPT, values)

    def close_run(self, run_id: str, status: str, reason: str) -> None:
        """See `Runs.close_run`."""
        self._db.execute(
            f"UPDATE runs SET {_OVER}, status = ?, reason = ?, retry_at = NULL WHERE run_id = ? AND status IN {OPEN_STATUSES}",  # noqa: S608 - a constant
            (status, reason, run_id),
        )

    def reopen_run(self, run_id: str, retry_at: Instant | None) -> bool:
        """See `Runs.reopen_run`."""
        last = "SELECT reason FROM other_attempts a WHERE a.run_id = runs.run_id AND a.attempt = runs.attempt"
        reopened = self._db.execute(
            f"UPDATE runs SET status = 'waiting_retry', reason = ifnull(({last}), ''), retry_at = ?"  # noqa: S608 - a constant
            " WHERE run_id = ? AND status = 'skipped'",
            (retry_at, run_id),
        )
        return reopened.rowcount == 1

    def fail_run(self, run_id: str, reason: str) -> None:
        """See `Runs.fail_run`."""
        failed = self._db.execute(
            f"UPDATE runs SET {_OVER}, status = 'failed', reason = ?, retry_at = NULL"  # noqa: S608 - a constant
            " WHERE run_id = ? AND status = 'waiting_retry'",
            (reason, run_id),
        )
        if failed.rowcount:
            self._summarise(run_id, "failed", None)

    def release_slots(self, run_id: str) -> None:
        """See `Runs.release_slots`."""
        self._db.execute("UPDATE runs SET slots = 0 WHERE run_id = ?", (run_id,))

    def retry_now(self, run_id: str, at: Instant) -> None:
        """See `Runs.retry_now`."""
        self._db.execute(
            "UPDATE runs SET retry_at = ? WHERE run_id = ? AND status = 'waiting_retry'", (at, run_id)
        )

    def begin_chain(self, run_id: str, payload: Mapping[str, Any]) -> None:
        """See `Runs.begin_chain`."""
        self._db.execute(
            "UPDATE runs SET status = 'running', tick = ?, payload = ?, started_at = ifnull(started_at, claimed_at)"  # noqa: S608 - a constant
            f" WHERE run_id = ? AND status IN {OPEN_STATUSES}",
            (CHAIN, msgspec.json.encode(payload).decode(), run_id),
        )

    def request_stop(self, run_id: str) -> None:
        """See `Runs.request_stop`."""
        self._db.execute("UPDATE runs SET stop_requested = 1 WHERE run_id = ?", (run_id,))

    def request_replacement(self, run_id: str) -> None:
        """See `Runs.request_replacement`."""
        self._db.execute(
            "UPDATE runs SET stop_requested = 2 WHERE run_id = ? AND stop_requested = 0", (run_id,)
        )

    def occupied(self, key: JobKey, after: Instant) -> list[tuple[Instant, Instant | None]]:
        """See `Runs.occupied`."""
        rows = self._db.execute(_OCCUPIED, {**key._asdict(), "after": after})
        return [(int(began), None if ended is None else int(ended)) for began, ended in rows]

    def open_runs(self, keys: Iterable[JobKey] | None = None) -> list[OpenRun]:
        """See `Runs.open_runs`."""
        return open_runs(self._db, keys)

    def open_run(self, run_id: str) -> OpenRun | None:
        """See `Runs.open_run`."""
        row = self._db.execute(f"{_OPEN_RUN} AND run_id = ?", (run_id,)).fetchone()
        return _open_run(row) if row else None

    def _origin(self, claimant: Claimant) -> int:
        """Return the number of the claimant's host and boot."""
        known = (claimant.host, claimant.boot)
        self._db.execute("INSERT INTO origins (host, boot) VALUES (?, ?) ON CONFLICT DO NOTHING", known)
        (number,) = self._db.execute("SELECT id FROM origins WHERE host = ? AND boot = ?", known).fetchone()
        return int(number)

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

    def _summarise(self, run_id: str, run_status: str, document: str | None) -> None:
        failed = run_status not in ("success", "skipped")
        self._db.execute(
            "UPDATE jobs SET last_run_id = :run_id, last_run_at = (SELECT finished_at FROM runs WHERE run_id = :run_id),"
            " last_status = :status, last_result = ifnull(:result, last_result), run_count = run_count + 1,"
            " failure_count = failure_count + :failed"
            " WHERE (job, target) = (SELECT job, target FROM runs WHERE run_id = :run_id)",
            {"run_id": run_id, "status": run_status, "result": document, "failed": failed},
        )
