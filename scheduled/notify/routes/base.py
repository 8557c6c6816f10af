"""What every route is: given its settings, it delivers notices one by one, and is finished once after them."""

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import msgspec

from scheduled.core.records import OutboxItem


class RouteSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What a route works with.

    *state* is the state directory, *zone* the IANA zone of the configuration, *sender* the address that notices come
    from. *cannot_record* takes a message on what went wrong beside the deliveries: the tick exits with 1 then.
    """

    state: Path
    workspace: Path | None
    zone: str
    sender: str
    cannot_record: Callable[[str], None]


class Route(Protocol):
    """A way on which notices reach people, opened once for all that is due in one tick."""

    def deliver(self, item: OutboxItem) -> None:
        """Deliver one notice; raise any exception if that can't be done now: it is tried again later.

        The same notice may come twice (its `id` is the same then), and must be recognised.
        """

    def finish(self) -> None:
        """Do what is left to do once all is delivered; called if anything was. Raises nothing."""
