"""Start requests: what waits to start a job because of an event or a chain, in SQL."""

import sqlite3
from collections.abc import Iterable
from typing import Any

import msgspec

from scheduled.core.keys import JobKey
from scheduled.core.runs import StartRequest

_ROW = "SELECT id, job, target, event, payload, depth, parent, step, at FROM start_requests"
# Jump from key to key in the index: there may be many requests of few jobs.
_KEYS = """
    WITH RECURSIVE found (job, target) AS (
        SELECT * FROM (SELECT job, target FROM start_requests ORDER BY job, target LIMIT 1)
        UNION ALL
        SELECT next.job, next.target FROM found JOIN start_requests next ON next.id = ifnull(
            (SELECT id FROM start_requests WHERE job = found.job AND target > found.target ORDER BY target LIMIT 1),
            (SELECT id FROM start_requests WHERE job > found.job ORDER BY job, target LIMIT 1))
    )
    SELECT job, target FROM found
"""


def _row(row: tuple[Any, ...]) -> StartRequest:
    number, job, target, event, payload, depth, parent, step, at = row
    return StartRequest(
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

    def start_requests(self, after: int = 0) -> list[StartRequest]:
        """See `StartRequests.start_requests`."""
        return [_row(row) for row in self._db.execute(f"{_ROW} WHERE id > ? ORDER BY id", (after,))]

    def newest_start_request(self) -> int:
        """See `StartRequests.newest_start_request`."""
        return int(self._db.execute("SELECT ifnull(max(id), 0) FROM start_requests").fetchone()[0])

    def requested_keys(self) -> list[JobKey]:
        """See `StartRequests.requested_keys`."""
        return [JobKey(*row) for row in self._db.execute(_KEYS)]

    def oldest_start_requests(self, keys: Iterable[JobKey]) -> list[StartRequest]:
        """See `StartRequests.oldest_start_requests`."""
        found = (
            self._db.execute(f"{_ROW} WHERE job = ? AND target = ? ORDER BY id LIMIT 1", key).fetchone()
            for key in keys
        )
        return [_row(row) for row in found if row is not None]

    def start_requests_of(self, key: JobKey, limit: int = -1) -> list[StartRequest]:
        """See `StartRequests.start_requests_of`."""
        query = f"{_ROW} WHERE job = ? AND target = ? AND parent = '' ORDER BY id LIMIT ?"
        return [_row(row) for row in self._db.execute(query, (*key, limit))]

    def count_start_requests(self, job: str) -> int:
        """See `StartRequests.count_start_requests`."""
        query = "SELECT count(*) FROM start_requests WHERE job = ? AND parent = ''"
        return int(self._db.execute(query, (job,)).fetchone()[0])

    def take_start_request(self, request_id: int) -> bool:
        """See `StartRequests.take_start_request`."""
        return self._db.execute("DELETE FROM start_requests WHERE id = ?", (request_id,)).rowcount == 1
