"""Values that belong to no job, and the hosts, in SQL."""

import sqlite3


class Meta:
    """The `Meta` of a ledger; see `state.contract` for the contracts."""

    _db: sqlite3.Connection
    host = ""

    def saw_host(self, host: str, name: str, at: float) -> None:
        """See `Meta.saw_host`."""
        self._db.execute(
            "INSERT OR REPLACE INTO hosts (host, name, seen_at) VALUES (?, ?, ?)", (host, name, at)
        )

    def meta(self, key: str) -> str | None:
        """See `Meta.meta`."""
        row = self._db.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return str(row[0]) if row else None

    def generation(self) -> int:
        """See `Meta.generation`."""
        row = self._db.execute("SELECT CAST(value AS INTEGER) FROM meta WHERE key = 'generation'").fetchone()
        return int(row[0]) if row else 0

    def remember(self, key: str, value: str) -> None:
        """See `Meta.remember`."""
        self._db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value))
