"""The interface of a route, and its settings."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import msgspec

from scheduled.core.channels import Channel
from scheduled.core.conditions import Notice
from scheduled.core.notice_text import Templates
from scheduled.core.records import OutboxItem
from scheduled.errors import ScheduledError

if TYPE_CHECKING:
    from scheduled.notify.adapter import Adapter


class RouteSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The settings of a route.

    *state* is the state directory, *zone* the configured IANA time zone, *sender* the address of the sender of notices,
    *layout* the configured form of the workspace (None: to be found). *cannot_record* takes a message about an error other
    than a failed delivery; the tick then exits with 1. *warn* takes one about an error that had no consequences. *send* is
    the function (`module:function`) that *adapter* calls. *mailboxes* is the name of the route to them.

    *channels* are those of the configuration, *templates* those of the texts, which name *host*. *environment* returns the
    environment of commands, *secret* the secret of a source.
    """

    state: Path
    workspace: Path | None
    layout: str | None = None
    zone: str
    sender: str
    cannot_record: Callable[[str], None]
    warn: Callable[[str], None]
    send: str = ""
    adapter: "Adapter | None" = None
    mailboxes: str = "mail"
    channels: Mapping[str, Channel] = {}
    templates: Templates = Templates()
    host: str = ""
    environment: Callable[[], Mapping[str, str]] = dict
    secret: Callable[[str], str] = str


class UndeliverableError(ScheduledError):
    """A notice can never be delivered; the message has the reason and what to correct."""


class WaitingError(ScheduledError):
    """A notice cannot be delivered now, and that is no fault: for example, no user is logged in. A later tick retries it."""


class ChannelError(ScheduledError):
    """A channel did not take a notice; the message has the reason, without secrets. A later tick retries it."""


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """A notice as a channel sends it: the *subject* and *body* are for people, without secrets and control characters."""

    id: str
    notice: Notice
    subject: str
    body: str


class Route(Protocol):
    """Delivers notices to users. A tick opens a route once, for all notices that are due."""

    def deliver(self, item: OutboxItem) -> None:
        """Deliver one notice.

        A notice may be passed a second time, with the same `id`; it must not be delivered twice. Raise UndeliverableError
        if a retry does not help, any other exception if a later tick should retry it.
        """

    def recorded(self, item: OutboxItem) -> None:
        """Forget the evidence that a notice was delivered: the ledger has recorded it. Must not raise."""

    def finish(self) -> None:
        """Do the work after all deliveries; called once if at least one succeeded. Must not raise."""
