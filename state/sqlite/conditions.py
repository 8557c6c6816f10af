"""Running totals, conditions, and the outbox of notices, in SQL."""

import sqlite3
from collections.abc import Collection, Iterable, Sequence
from typing import Any

import msgspec

from scheduled.core.conditions import Condition, Notice
from scheduled.core.keys import JobKey
from scheduled.core.records import KnownCondition, OutboxItem
from scheduled.schedules.zones import Instant

# The conditions must be those of the index outbox_upserts.
_REPLACE = "DELETE FROM outbox WHERE upsert_key != '' AND recipient = ? AND upsert_key = ? AND id != ?"

# The oldest notice to each recipient of which an attempt failed.
_TRIED = """
    WHERE id IN (
        SELECT id FROM (
            SELECT id, row_number() OVER (PARTITION BY recipient ORDER BY created_at, id) AS place FROM outbox
            WHERE tries > 0 AND NOT (last_error = ? AND next_try > ?)
            AND NOT EXISTS (SELECT 1 FROM json_each(?) WHERE substr(last_error, 1, length(value)) = value))
        WHERE place = 1)
"""

# Jump from key to key in the index: there may be many conditions of few jobs.
_KEYS = """
    WITH RECURSIVE found (job, target) AS (
        SELECT * FROM (SELECT job, target FROM conditions ORDER BY job, target LIMIT 1)
        UNION ALL
        SELECT next.job, next.target FROM found JOIN conditions next ON (next.job, next.target, next.key) = (
            SELECT * FROM (
                SELECT * FROM (SELECT job, target, key FROM conditions WHERE job = found.job AND target > found.target
                               ORDER BY target, key LIMIT 1)
                UNION ALL
                SELECT * FROM (SELECT job, target, key FROM conditions WHERE job > found.job
                               ORDER BY job, target, key LIMIT 1)
            ) ORDER BY job, target LIMIT 1)
    )
    SELECT job, target FROM found
"""


def _text(value: Any) -> str:
    return msgspec.json.encode(value).decode()


class Conditions:
    """The `Conditions` of a ledger; see `state.contract` for the contracts."""

    _db: sqlite3.Connection
    host: str

    def count(self, key: JobKey, name: str, amount: int) -> None:
        """See `Conditions.count`."""
        self._db.execute(
            "INSERT INTO totals (job, target, name, total) VALUES (?, ?, ?, ?)"
            " ON CONFLICT DO UPDATE SET total = total + excluded.total",
            (*key, name, amount),
        )

    def totals(self) -> dict[JobKey, dict[str, int]]:
        """See `Conditions.totals`."""
        found: dict[JobKey, dict[str, int]] = {}
        rows = self._db.execute("SELECT job, target, name, total FROM totals ORDER BY job, target, name")
        for job, target, name, total in rows:
            found.setdefault(JobKey(job, target), {})[name] = total
        return found

    def conditions(self, key: JobKey | None = None) -> list[KnownCondition]:
        """See `Conditions.conditions`."""
        job, target = (None, None) if key is None else key
        where = "WHERE :job IS NULL OR (job = :job AND target = :target)"
        return self._known(where, {"job": job, "target": target})

    def error_conditions(self, keys: Iterable[JobKey], limit: int) -> list[KnownCondition]:
        """See `Conditions.error_conditions`."""
        of_keys = "(SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]') FROM json_each(:keys))"
        values = {"keys": _text([*keys]), "limit": limit}
        return self._known(f"WHERE severity = 'error' AND (job, target) IN {of_keys}", values, "LIMIT :limit")

    def _known(self, where: str, values: dict[str, Any], most: str = "") -> list[KnownCondition]:
        rows = self._db.execute(
            "SELECT key, job, target, grp, payload, event, severity, since, notified_at FROM conditions"  # noqa: S608 - no values
            f" {where} ORDER BY since, key {most}",
            values,
        )
        return [
            KnownCondition(
                condition=Condition(
                    key=name, group=grp, payload=msgspec.json.decode(payload), event=event, severity=severity
                ),
                job=owner,
                target=target,
                since=since,
                notified_at=notified_at,
            )
            for name, owner, target, grp, payload, event, severity, since, notified_at in rows
        ]

    def condition_count(self, key: JobKey) -> int:
        """See `Conditions.condition_count`."""
        of_key = "SELECT count(*) FROM conditions WHERE job = ? AND target = ?"
        return int(self._db.execute(of_key, key).fetchone()[0])

    def condition_keys(self) -> list[JobKey]:
        """See `Conditions.condition_keys`."""
        return [JobKey(*row) for row in self._db.execute(_KEYS)]

    def put_condition(self, key: JobKey, condition: Condition, since: float) -> None:
        """See `Conditions.put_condition`."""
        self._db.execute(
            "INSERT INTO conditions (job, target, key, grp, payload, event, severity, since)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET payload = excluded.payload,"
            " grp = excluded.grp, event = excluded.event, severity = excluded.severity",
            (
                *key,
                condition.key,
                condition.group,
                _text(condition.payload),
                condition.event,
                condition.severity,
                since,
            ),
        )

    def drop_conditions(self, key: JobKey, names: Sequence[str]) -> None:
        """See `Conditions.drop_conditions`."""
        self._db.executemany(
            "DELETE FROM conditions WHERE job = ? AND target = ? AND key = ?",
            [(*key, name) for name in names],
        )

    def forget_conditions(self, key: JobKey, limit: int) -> None:
        """See `Conditions.forget_conditions`."""
        self._db.execute(
            "DELETE FROM conditions WHERE job = :job AND target = :target AND key IN"
            " (SELECT key FROM conditions WHERE job = :job AND target = :target ORDER BY key LIMIT :limit)",
            {**key._asdict(), "limit": limit},
        )

    def notified(self, key: JobKey, names: Sequence[str], at: float) -> None:
        """See `Conditions.notified`."""
        self._db.executemany(
            "UPDATE conditions SET notified_at = ? WHERE job = ? AND target = ? AND key = ?",
            [(at, *key, name) for name in names],
        )

    def post(self, item_id: str, notice: Notice, at: float) -> None:
        """See `Conditions.post`."""
        self._db.execute(
            "INSERT OR IGNORE INTO outbox (id, notice, recipient, upsert_key, host, created_at, next_try)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            (item_id, _text(notice), notice.recipient, notice.upsert_key, self.host, at, int(at)),
        )

    def replace_notices(self, recipient: str, upsert_key: str, item_id: str) -> None:
        """See `Conditions.replace_notices`."""
        self._db.execute(_REPLACE, (recipient, upsert_key, item_id))

    def drop_notices(self, upsert_key: str) -> None:
        """See `Conditions.drop_notices`."""
        self._db.execute("DELETE FROM outbox WHERE upsert_key = ?", (upsert_key,))

    def due_notices(self, now: Instant, limit: int, without: Collection[str] = ()) -> list[OutboxItem]:
        """See `Conditions.due_notices`."""
        names = _text([*without])
        return self._outbox(
            "WHERE next_try <= ? AND recipient NOT IN (SELECT value FROM json_each(?))",
            now,
            names,
            most=limit,
        )

    def notices_to(self, recipients: Collection[str], prefix: str = "") -> list[OutboxItem]:
        """See `Conditions.notices_to`."""
        where, names = "WHERE recipient IN (SELECT value FROM json_each(?))", _text([*recipients])
        if not prefix:
            return self._outbox(where, names)
        # The conditions must be such that the index outbox_upserts is used.
        of_key = f"{where} AND upsert_key != '' AND upsert_key >= ? AND upsert_key < ? || char(1114111)"
        return self._outbox(of_key, names, prefix, prefix)

    def tried_notices(self, now: Instant, claimed: str, unless: Collection[str]) -> list[OutboxItem]:
        """See `Conditions.tried_notices`."""
        return self._outbox(_TRIED, claimed, now, _text([*unless]))

    def outbox_size(self) -> tuple[int, int]:
        """See `Conditions.outbox_size`."""
        number, tries = self._db.execute("SELECT count(*), coalesce(max(tries), 0) FROM outbox").fetchone()
        return int(number), int(tries)

    def next_delivery(self) -> Instant | None:
        """See `Conditions.next_delivery`."""
        (found,) = self._db.execute("SELECT min(next_try) FROM outbox").fetchone()
        return None if found is None else int(found)

    def outbox(self) -> list[OutboxItem]:
        """See `Conditions.outbox`."""
        return self._outbox("")

    def _outbox(self, where: str, *values: str | int, most: int = -1) -> list[OutboxItem]:
        rows = self._db.execute(
            f"SELECT id, notice, host, tries, next_try, last_error FROM outbox {where} ORDER BY created_at, id LIMIT ?",  # noqa: S608 - constants
            (*values, most),
        )
        return [
            OutboxItem(
                id=item_id,
                notice=msgspec.json.decode(notice, type=Notice),
                host=host,
                tries=tries,
                next_try=next_try,
                error=error or "",
            )
            for item_id, notice, host, tries, next_try, error in rows
        ]

    def delivered(self, item_id: str) -> None:
        """See `Conditions.delivered`."""
        self._db.execute("DELETE FROM outbox WHERE id = ?", (item_id,))

    def undelivered(self, item_id: str, next_try: Instant, error: str) -> None:
        """See `Conditions.undelivered`."""
        self._db.execute(
            "UPDATE outbox SET tries = tries + 1, next_try = ?, last_error = ? WHERE id = ?",
            (next_try, error, item_id),
        )

    def claim_notice(self, item_id: str, now: Instant, next_try: Instant, error: str) -> bool:
        """See `Conditions.claim_notice`."""
        claimed = self._db.execute(
            "UPDATE outbox SET tries = tries + 1, next_try = ?, last_error = ? WHERE id = ? AND next_try <= ?",
            (next_try, error, item_id, now),
        )
        return claimed.rowcount == 1

    def put_off(self, item_id: str, next_try: Instant, error: str) -> None:
        """See `Conditions.put_off`."""
        self._db.execute(
            "UPDATE outbox SET next_try = ?, last_error = ? WHERE id = ?", (next_try, error, item_id)
        )

    def put_off_due(self, recipient: str, now: Instant, next_try: Instant, error: str) -> None:
        """See `Conditions.put_off_due`."""
        self._db.execute(
            "UPDATE outbox SET next_try = ?, last_error = ? WHERE recipient = ? AND next_try <= ?",
            (next_try, error, recipient, now),
        )
