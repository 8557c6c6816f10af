"""Incidents and mutes, in SQL."""

import sqlite3
from collections.abc import Iterable
from typing import TYPE_CHECKING

import msgspec

from scheduled.core.keys import JobKey
from scheduled.schedules.zones import Instant
from scheduled.state.validation import is_instant

if TYPE_CHECKING:
    from scheduled.core.incidents import Incident


def _read(name: str, document: str) -> "Incident | None":
    """Return the incident that is recorded under *name* as *document*; None if that is damaged."""
    from scheduled.core.incidents import Incident  # most ticks find no incident

    try:
        found = msgspec.json.decode(document, type=Incident)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        return None
    given = (found.noticed_at, found.acknowledged_at, found.ended_at)
    instants = (found.since, *found.openings, *(at for at in given if at is not None))
    return found if found.name == name and all(map(is_instant, instants)) else None


class Incidents:
    """The `Incidents` of a ledger; see `state.contract` for the contracts."""

    _db: sqlite3.Connection

    def incidents(self) -> dict[str, "Incident"]:
        """See `Incidents.incidents`."""
        rows = self._db.execute("SELECT name, incident FROM incidents ORDER BY name").fetchall()
        if not rows:
            return {}
        read = {name: _read(name, document) for name, document in rows}
        return {name: incident for name, incident in read.items() if incident is not None}

    def drop_damaged_incidents(self) -> list[str]:
        """See `Incidents.drop_damaged_incidents`."""
        rows = self._db.execute("SELECT name, incident FROM incidents ORDER BY name").fetchall()
        damaged = [name for name, document in rows if _read(name, document) is None]
        self.drop_incidents(damaged)
        return damaged

    def put_incident(self, incident: "Incident") -> None:
        """See `Incidents.put_incident`."""
        values = (incident.name, msgspec.json.encode(incident).decode())
        self._db.execute("INSERT OR REPLACE INTO incidents (name, incident) VALUES (?, ?)", values)

    def drop_incidents(self, names: Iterable[str]) -> None:
        """See `Incidents.drop_incidents`."""
        self._db.executemany("DELETE FROM incidents WHERE name = ?", ((name,) for name in names))

    def mute(self, key: JobKey, until: Instant | None) -> None:
        """See `Incidents.mute`."""
        self._db.execute("INSERT OR REPLACE INTO mutes (job, target, until) VALUES (?, ?, ?)", (*key, until))

    def unmute(self, key: JobKey) -> None:
        """See `Incidents.unmute`."""
        self._db.execute("DELETE FROM mutes WHERE job = ? AND target = ?", key)

    def mutes(self, now: Instant) -> dict[JobKey, Instant | None]:
        """See `Incidents.mutes`."""
        rows = self._db.execute(
            "SELECT job, target, until FROM mutes WHERE until IS NULL OR until > ?", (now,)
        )
        return {JobKey(job, target): until for job, target, until in rows}
