"""What people switched from outside the configuration, in SQL."""

import sqlite3

from scheduled.jobs import Instant


class Switches:
    """The part of a `Ledger` that knows toggles and pauses; see there for the contracts."""

    _db: sqlite3.Connection

    def toggle(self, job: str, enabled: bool | None) -> None:
        """See `Ledger.toggle`."""
        if enabled is None:
            self._db.execute("DELETE FROM toggles WHERE job = ?", (job,))
        else:
            self._db.execute("INSERT OR REPLACE INTO toggles VALUES (?, ?)", (job, enabled))

    def toggles(self) -> dict[str, bool]:
        """See `Ledger.toggles`."""
        return {job: bool(enabled) for job, enabled in self._db.execute("SELECT job, enabled FROM toggles")}

    def pause(self, job: str, until: Instant | None) -> None:
        """See `Ledger.pause`."""
        self._db.execute("INSERT OR REPLACE INTO pauses VALUES (?, ?)", (job, until))

    def resume(self, job: str) -> None:
        """See `Ledger.resume`."""
        self._db.execute("DELETE FROM pauses WHERE job = ?", (job,))

    def pauses(self, now: Instant) -> dict[str, Instant | None]:
        """See `Ledger.pauses`."""
        rows = self._db.execute("SELECT job, until FROM pauses WHERE until IS NULL OR until > ?", (now,))
        return dict(rows.fetchall())
