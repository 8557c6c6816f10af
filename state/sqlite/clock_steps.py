"""What becomes of slots when the clock goes back, and comes right again, in SQL."""

import sqlite3

import msgspec

from scheduled.core.records import SetAside
from scheduled.schedules.zones import Instant

_LAY_ASIDE = """
    INSERT INTO laid_aside (job, position, back_to, window_start, slots, epochs)
    SELECT job, position, :position, window_start,
        (SELECT json_group_array(json_array(first, last, count, verdict, reason, run_id, decided_at))
         FROM slots WHERE slots.job = :job AND target = '' AND last > :position AND verdict IS NOT NULL),
        (SELECT json_group_array(json_array(starts_at, ends_at, schedules))
         FROM epochs WHERE epochs.job = :job AND target = '' AND (ends_at IS NULL OR ends_at >= :position))
    FROM jobs WHERE job = :job AND target = ''
"""
_SLOTS_AGAIN = """
    INSERT OR REPLACE INTO slots (job, first, last, count, verdict, reason, run_id, decided_at)
    SELECT :job, json_extract(value, '$[0]'), json_extract(value, '$[1]'), json_extract(value, '$[2]'),
        json_extract(value, '$[3]'), json_extract(value, '$[4]'), json_extract(value, '$[5]'),
        json_extract(value, '$[6]')
    FROM json_each(:rows)
"""
_EPOCHS_AGAIN = """
    INSERT INTO epochs (job, starts_at, ends_at, schedules)
    SELECT :job, json_extract(value, '$[0]'), json_extract(value, '$[1]'), json_extract(value, '$[2]') FROM json_each(:rows)
"""


class ClockSteps:
    """The `ClockSteps` of a ledger; see `state.ledger` for the contracts."""

    _db: sqlite3.Connection

    def rewind(self, job: str, position: Instant) -> None:
        """See `ClockSteps.rewind`."""
        known = {"job": job, "position": position}
        self._db.execute(_LAY_ASIDE, known)
        self._db.execute("DELETE FROM slots WHERE job = ? AND target = '' AND first > ?", (job, position))
        self._db.execute(
            "UPDATE jobs SET position = :position, window_start = CASE WHEN window_start > :position THEN"
            " (SELECT max(first) FROM slots WHERE slots.job = :job AND slots.target = '' AND verdict = 'success'"
            " AND first <= :position) ELSE window_start END WHERE job = :job AND target = ''",
            known,
        )
        self._db.execute(
            "DELETE FROM epochs WHERE job = ? AND target = '' AND starts_at > ? AND ends_at IS NOT NULL",
            (job, position),
        )
        self._db.execute(
            "UPDATE epochs SET starts_at = min(starts_at, :position), ends_at = min(ends_at, :position)"
            " WHERE job = :job AND target = '' AND (starts_at > :position OR ends_at > :position)",
            known,
        )

    def laid_aside(self) -> list[SetAside]:
        """See `ClockSteps.laid_aside`."""
        rows = self._db.execute("SELECT job, position, back_to FROM laid_aside WHERE target = '' ORDER BY id")
        return [SetAside(*row) for row in rows]

    def forget_aside(self, aside: SetAside) -> None:
        """See `ClockSteps.forget_aside`."""
        self._db.execute(
            "DELETE FROM laid_aside WHERE (job, target, position, back_to) = (:job, '', :position, :back_to)",
            msgspec.structs.asdict(aside),
        )

    def take_back(self, job: str, until: Instant) -> None:
        """See `ClockSteps.take_back`."""
        reached = (
            "job = :job AND target = '' AND id >="
            " (SELECT min(id) FROM laid_aside WHERE job = :job AND target = '' AND position <= :until)"
        )
        known = {"job": job, "until": until}
        rows = self._db.execute(
            f"SELECT position, back_to, window_start, slots, epochs FROM laid_aside WHERE {reached} ORDER BY id DESC",  # noqa: S608 - a constant
            known,
        ).fetchall()
        for row in rows:  # the last step back is the first to be undone
            self._take_back(job, *row)
        self._db.execute(f"DELETE FROM laid_aside WHERE {reached}", known)  # noqa: S608 - a constant

    def _take_back(
        self, job: str, position: Instant, back_to: Instant, window: Instant | None, slots: str, epochs: str
    ) -> None:
        self._db.execute(
            "DELETE FROM slots WHERE job = ? AND target = '' AND last > ? AND verdict IS NOT NULL",
            (job, back_to),
        )
        self._db.execute(
            "DELETE FROM epochs WHERE job = ? AND target = '' AND (ends_at IS NULL OR ends_at >= ?)",
            (job, back_to),
        )
        self._db.execute(_SLOTS_AGAIN, {"job": job, "rows": slots})
        self._db.execute(_EPOCHS_AGAIN, {"job": job, "rows": epochs})
        self._db.execute(
            "UPDATE jobs SET position = ?, window_start = ?, open_reason = NULL WHERE job = ? AND target = ''",
            (position, window, job),
        )
