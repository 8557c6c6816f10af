"""Start requests: what waits to start a job because of an event or a chain, in SQL."""

import sqlite3

import msgspec

from scheduled.core.runs import TriggerRow


class Triggers:
    """The `Triggers` of a ledger; see `state.ledger` for the contracts."""

    _db: sqlite3.Connection

    def trigger(self, row: TriggerRow, at: float) -> None:
        """See `Triggers.trigger`."""
        payload = msgspec.json.encode(row.payload).decode()
        self._db.execute(
            "INSERT INTO triggers (job, target, event, payload, at, depth, parent, step)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (row.job, row.target, row.event, payload, at, row.depth, row.parent, row.step),
        )

    def triggers(self) -> list[TriggerRow]:
        """See `Triggers.triggers`."""
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
        """See `Triggers.take_trigger`."""
        return self._db.execute("DELETE FROM triggers WHERE id = ?", (trigger_id,)).rowcount == 1
