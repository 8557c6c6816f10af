"""What the user sets with commands on top of the configuration: overrides and pauses, in SQL."""

import sqlite3

from scheduled.core.keys import JobKey
from scheduled.schedules.zones import Instant


class Overrides:
    """The `Overrides` of a ledger; see `state.contract` for the contracts."""

    _db: sqlite3.Connection

    def override(self, key: JobKey, enabled: bool | None) -> None:
        """See `Overrides.override`."""
        if enabled is None:
            self._db.execute("DELETE FROM overrides WHERE job = ? AND target = ?", key)
        else:
            self._db.execute(
                "INSERT OR REPLACE INTO overrides (job, target, enabled) VALUES (?, ?, ?)", (*key, enabled)
            )

    def overrides(self) -> dict[JobKey, bool]:
        """See `Overrides.overrides`."""
        rows = self._db.execute("SELECT job, target, enabled FROM overrides")
        return {JobKey(job, target): bool(enabled) for job, target, enabled in rows}

    def pause(self, key: JobKey, until: Instant | None) -> None:
        """See `Overrides.pause`."""
        self._db.execute("INSERT OR REPLACE INTO pauses (job, target, until) VALUES (?, ?, ?)", (*key, until))

    def resume(self, key: JobKey) -> None:
        """See `Overrides.resume`."""
        self._db.execute("DELETE FROM pauses WHERE job = ? AND target = ? AND host = ''", key)

    def pauses(self, now: Instant) -> dict[JobKey, Instant | None]:
        """See `Overrides.pauses`."""
        rows = self._db.execute(
            "SELECT job, target, until FROM pauses WHERE host = '' AND (until IS NULL OR until > ?)", (now,)
        )
        return {JobKey(job, target): until for job, target, until in rows}
