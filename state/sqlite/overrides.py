"""What people set by hand on top of the configuration: overrides and pauses, in SQL."""

import sqlite3

from scheduled.schedules.zones import Instant


class Overrides:
    """The `Overrides` of a ledger; see `state.ledger` for the contracts."""

    _db: sqlite3.Connection

    def override(self, job: str, enabled: bool | None) -> None:
        """See `Overrides.override`."""
        if enabled is None:
            self._db.execute("DELETE FROM overrides WHERE job = ? AND target = ''", (job,))
        else:
            self._db.execute("INSERT OR REPLACE INTO overrides (job, enabled) VALUES (?, ?)", (job, enabled))

    def overrides(self) -> dict[str, bool]:
        """See `Overrides.overrides`."""
        rows = self._db.execute("SELECT job, enabled FROM overrides WHERE target = ''")
        return {job: bool(enabled) for job, enabled in rows}

    def pause(self, job: str, until: Instant | None) -> None:
        """See `Overrides.pause`."""
        self._db.execute("INSERT OR REPLACE INTO pauses (job, until) VALUES (?, ?)", (job, until))

    def resume(self, job: str) -> None:
        """See `Overrides.resume`."""
        self._db.execute("DELETE FROM pauses WHERE job = ? AND target = '' AND host = ''", (job,))

    def pauses(self, now: Instant) -> dict[str, Instant | None]:
        """See `Overrides.pauses`."""
        rows = self._db.execute(
            "SELECT job, until FROM pauses WHERE target = '' AND host = '' AND (until IS NULL OR until > ?)",
            (now,),
        )
        return dict(rows.fetchall())
