"""Running totals, conditions, and the outbox of notices, in SQL."""

import sqlite3
from collections.abc import Sequence
from typing import Any

import msgspec

from scheduled.core.conditions import Condition, Notice
from scheduled.core.keys import JobKey
from scheduled.core.records import KnownCondition, OutboxItem
from scheduled.schedules.zones import Instant


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
        rows = self._db.execute(
            "SELECT key, job, target, grp, payload, event, severity, since, notified_at FROM conditions"
            " WHERE :job IS NULL OR (job = :job AND target = :target) ORDER BY since, key",
            {"job": job, "target": target},
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

    def notified(self, key: JobKey, names: Sequence[str], at: float) -> None:
        """See `Conditions.notified`."""
        self._db.executemany(
            "UPDATE conditions SET notified_at = ? WHERE job = ? AND target = ? AND key = ?",
            [(at, *key, name) for name in names],
        )

    def post(self, item_id: str, notice: Notice, at: float) -> None:
        """See `Conditions.post`."""
        self._db.execute(
            "INSERT OR IGNORE INTO outbox (id, notice, host, created_at, next_try) VALUES (?, ?, ?, ?, ?)",
            (item_id, _text(notice), self.host, at, int(at)),
        )

    def outbox(self) -> list[OutboxItem]:
        """See `Conditions.outbox`."""
        rows = self._db.execute(
            "SELECT id, notice, host, tries, next_try FROM outbox ORDER BY created_at, id"
        )
        return [
            OutboxItem(
                id=item_id,
                notice=msgspec.json.decode(notice, type=Notice),
                host=host,
                tries=tries,
                next_try=next_try,
            )
            for item_id, notice, host, tries, next_try in rows
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
