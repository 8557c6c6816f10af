"""Start requests: what waits to start a job because of an event or a chain, in SQL."""

import sqlite3

import msgspec

from scheduled.core.runs import StartRequest


class StartRequests:
    """The `StartRequests` of a ledger; see `state.contract` for the contracts."""

    _db: sqlite3.Connection

    def request_start(self, row: StartRequest, at: float) -> None:
        """See `StartRequests.request_start`."""
        payload = msgspec.json.encode(row.payload).decode()
        self._db.execute(
            "INSERT INTO start_requests (job, target, event, payload, at, depth, parent, step)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (row.job, row.target, row.event, payload, at, row.depth, row.parent, row.step),
        )

    def start_requests(self) -> list[StartRequest]:
        """See `StartRequests.start_requests`."""
        rows = self._db.execute(
            "SELECT id, job, target, event, payload, depth, parent, step, at FROM start_requests ORDER BY id"
        )
        return [
            StartRequest(
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

    def take_start_request(self, request_id: int) -> bool:
        """See `StartRequests.take_start_request`."""
        return self._db.execute("DELETE FROM start_requests WHERE id = ?", (request_id,)).rowcount == 1
