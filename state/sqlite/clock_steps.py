"""Moving positions back when the clock goes back, and restoring them, in SQL."""

import sqlite3

import msgspec

from scheduled.core.keys import JobKey
from scheduled.core.records import SavedPosition
from scheduled.schedules.zones import Instant

_SAVE_ASIDE = """
    INSERT INTO saved_positions (job, target, position, back_to, window_start, slots, epochs)
    SELECT job, target, position, :position, window_start,
        (SELECT json_group_array(json_array(first, last, count, verdict, reason, run_id, decided_at))
         FROM slots WHERE slots.job = :job AND slots.target = :target AND last > :position AND verdict IS NOT NULL),
        (SELECT json_group_array(json_array(starts_at, ends_at, schedules))
         FROM epochs WHERE epochs.job = :job AND epochs.target = :target AND (ends_at IS NULL OR ends_at >= :position))
    FROM jobs WHERE job = :job AND target = :target
"""
_RESTORE_SLOTS = """
    INSERT OR REPLACE INTO slots (job, target, first, last, count, verdict, reason, run_id, decided_at)
    SELECT :job, :target, json_extract(value, '$[0]'), json_extract(value, '$[1]'), json_extract(value, '$[2]'),
        json_extract(value, '$[3]'), json_extract(value, '$[4]'), json_extract(value, '$[5]'),
        json_extract(value, '$[6]')
    FROM json_each(:rows)
"""
_RESTORE_EPOCHS = """
    INSERT INTO epochs (job, target, starts_at, ends_at, schedules)
    SELECT :job, :target, json_extract(value, '$[0]'), json_extract(value, '$[1]'), json_extract(value, '$[2]') FROM json_each(:rows)
"""


class ClockSteps:
    """The `ClockSteps` of a ledger; see `state.contract` for the contracts."""

    _db: sqlite3.Connection

    def rewind(self, key: JobKey, position: Instant) -> None:
        """See `ClockSteps.rewind`."""
        known = {**key._asdict(), "position": position}
        self._db.execute(_SAVE_ASIDE, known)
        self._db.execute("DELETE FROM slots WHERE job = ? AND target = ? AND first > ?", (*key, position))
        self._db.execute(
            "UPDATE jobs SET position = :position, window_start = CASE WHEN window_start > :position THEN"
            " (SELECT max(first) FROM slots WHERE slots.job = :job AND slots.target = :target AND verdict = 'success'"
            " AND first <= :position) ELSE window_start END WHERE job = :job AND target = :target",
            known,
        )
        self._db.execute(
            "DELETE FROM epochs WHERE job = ? AND target = ? AND starts_at > ? AND ends_at IS NOT NULL",
            (*key, position),
        )
        self._db.execute(
            "UPDATE epochs SET starts_at = min(starts_at, :position), ends_at = min(ends_at, :position)"
            " WHERE job = :job AND target = :target AND (starts_at > :position OR ends_at > :position)",
            known,
        )

    def saved_positions(self) -> list[SavedPosition]:
        """See `ClockSteps.saved_positions`."""
        rows = self._db.execute("SELECT job, position, back_to, target FROM saved_positions ORDER BY id")
        return [SavedPosition(*row) for row in rows]

    def delete_saved_position(self, saved: SavedPosition) -> None:
        """See `ClockSteps.delete_saved_position`."""
        self._db.execute(
            "DELETE FROM saved_positions WHERE (job, target, position, back_to) = (:job, :target, :position, :back_to)",
            msgspec.structs.asdict(saved),
        )

    def restore_positions(self, key: JobKey, until: Instant) -> None:
        """See `ClockSteps.restore_positions`."""
        reached = (
            "job = :job AND target = :target AND id >="
            " (SELECT min(id) FROM saved_positions WHERE job = :job AND target = :target AND position <= :until)"
        )
        known = {**key._asdict(), "until": until}
        rows = self._db.execute(
            f"SELECT position, back_to, window_start, slots, epochs FROM saved_positions WHERE {reached} ORDER BY id DESC",  # noqa: S608 - a constant
            known,
        ).fetchall()
        for row in rows:  # newest first: each was saved on top of the older ones
            self._take_back(key, *row)
        self._db.execute(f"DELETE FROM saved_positions WHERE {reached}", known)  # noqa: S608 - a constant

    def _take_back(
        self,
        key: JobKey,
        position: Instant,
        back_to: Instant,
        window: Instant | None,
        slots: str,
        epochs: str,
    ) -> None:
        self._db.execute(
            "DELETE FROM slots WHERE job = ? AND target = ? AND last > ? AND verdict IS NOT NULL",
            (*key, back_to),
        )
        self._db.execute(
            "DELETE FROM epochs WHERE job = ? AND target = ? AND (ends_at IS NULL OR ends_at >= ?)",
            (*key, back_to),
        )
        self._db.execute(_RESTORE_SLOTS, {**key._asdict(), "rows": slots})
        self._db.execute(_RESTORE_EPOCHS, {**key._asdict(), "rows": epochs})
        self._db.execute(
            "UPDATE jobs SET position = ?, window_start = ?, open_reason = NULL WHERE job = ? AND target = ?",
            (position, window, *key),
        )
