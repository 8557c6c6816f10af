"""The part `Incidents` of the contract of the ledger."""

from collections.abc import Iterable
from typing import Protocol

from scheduled.core.incidents import Incident
from scheduled.core.keys import JobKey
from scheduled.schedules.zones import Instant


class Incidents(Protocol):
    """What is known of troubles and the notices about them, and about which jobs the user wants none."""

    def incidents(self) -> dict[str, Incident]:
        """Return every recorded incident by name, those included that ended a short time ago, without damaged ones."""

    def drop_damaged_incidents(self) -> list[str]:
        """Forget the incidents of which the record is damaged; return their names."""

    def put_incident(self, incident: Incident) -> None:
        """Record *incident*; it replaces the one with the same name."""

    def drop_incidents(self, names: Iterable[str]) -> None:
        """Forget the incidents *names*."""

    def mute(self, key: JobKey, until: Instant | None) -> None:
        """Make no notices about *key* until *until*, or until `unmute` if it is None. Without a target all targets are meant."""

    def unmute(self, key: JobKey) -> None:
        """Make notices about *key* again."""

    def mutes(self, now: Instant) -> dict[JobKey, Instant | None]:
        """Return the jobs and targets that are muted at *now*, each with the end (None: until `unmute`)."""
