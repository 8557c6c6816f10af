"""What people and events ask for beside the schedules, in SQL."""

import sqlite3

import msgspec

from scheduled.core.runs import TriggerRow
from scheduled.schedules.zones import Instant


class Switches:
    """The part of a `Ledger` that knows overrides, pauses and triggers; see there for the contracts."""

    _db: sqlite3.Connection

    def override(self, job: str, enabled: bool | None) -> None:
        """See `Ledger.override`."""
        if enabled is None:
            self._db.execute("DELETE FROM overrides WHERE job = ? AND target = ''", (job,))
        else:
            self._db.execute("INSERT OR REPLACE INTO overrides (job, enabled) VALUES (?, ?)", (job, enabled))

    def overrides(self) -> dict[str, bool]:
        """See `Ledger.overrides`."""
        rows = self._db.execute("SELECT job, enabled FROM overrides WHERE target = ''")
        return {job: bool(enabled) for job, enabled in rows}

    def pause(self, job: str, until: Instant | None) -> None:
        """See `Ledger.pause`."""
        self._db.execute("INSERT OR REPLACE INTO pauses (job, until) VALUES (?, ?)", (job, until))

    def resume(self, job: str) -> None:
        """See `Ledger.resume`."""
        self._db.execute("DELETE FROM pauses WHERE job = ? AND target = '' AND host = ''", (job,))

    def pauses(self, now: Instant) -> dict[str, Instant | None]:
        """See `Ledger.pauses`."""
        rows = self._db.execute(
            "SELECT job, until FROM pauses WHERE target = '' AND host = '' AND (until IS NULL OR until > ?)",
            (now,),
        )
        return dict(rows.fetchall())

    def trigger(self, row: TriggerRow, at: float) -> None:
        """See `Ledger.trigger`."""
        payload = msgspec.json.encode(row.payload).decode()
        self._db.execute(
            "INSERT INTO triggers (job, target, event, payload, at, depth, parent, step)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (row.job, row.target, row.event, payload, at, row.depth, row.parent, row.step),
        )

    def triggers(self) -> list[TriggerRow]:
        """See `Ledger.triggers`."""
        rows = self._db.execute(
            "SELECT id, job, target, event, payload, depth, parent, step, at FROM triggers ORDER BY id"
        )
        return [
            TriggerRow(
                id=number,
                job=job,
                target=target,
                event=event,
                payload=msgspec.json.decode(payload),
                depth=depth,
                parent=parent,
                step=step,
                at=at,
            )
            for number, job, target, event, payload, depth, parent, step, at in rows
        ]

    def take_trigger(self, trigger_id: int) -> bool:
        """See `Ledger.take_trigger`."""
        return self._db.execute("DELETE FROM triggers WHERE id = ?", (trigger_id,)).rowcount == 1
