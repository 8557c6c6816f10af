"""The interface of a route, and its settings."""

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import msgspec

from scheduled.core.records import OutboxItem


class RouteSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The settings of a route.

    *state* is the state directory, *zone* the configured IANA time zone, *sender* the address of the sender of notices.
    *cannot_record* takes a message about an error other than a failed delivery; the tick then exits with 1.
    """

    state: Path
    workspace: Path | None
    zone: str
    sender: str
    cannot_record: Callable[[str], None]


class Route(Protocol):
    """Delivers notices to users. A tick opens a route once, for all notices that are due."""

    def deliver(self, item: OutboxItem) -> None:
        """Deliver one notice. Raise any exception if that is not possible now; a later tick retries it.

        A notice may be passed a second time, with the same `id`; it must not be delivered twice.
        """

    def finish(self) -> None:
        """Do the work after all deliveries; called once if at least one succeeded. Must not raise."""
