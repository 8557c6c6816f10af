"""Deliver each notice by its recipient: an address is a mailbox of the workspace, any other name a channel."""

from functools import cache, cached_property
from importlib import import_module

import msgspec

from scheduled.advice import complete
from scheduled.core.channels import Channel
from scheduled.core.conditions import is_mailbox
from scheduled.core.notice_text import Rendered, rendered
from scheduled.core.records import OutboxItem
from scheduled.masking import Mask, secrets_of
from scheduled.notify.routes.base import ChannelError, Message, Route, RouteSettings, UndeliverableError
from scheduled.notify.routes.registry import open_route

# The module of each kind of channel, with the function `send`.
CHANNELS = {
    "url": "scheduled.notify.routes.apprise_url",
    "command": "scheduled.notify.routes.command",
    "desktop": "scheduled.notify.routes.desktop",
    "memory": "scheduled.notify.routes.memory",
    "stderr": "scheduled.notify.routes.stderr",
}


class DispatchRoute:
    """Opens the route to the mailboxes for the first notice to one, and imports a channel for the first notice to it."""

    def __init__(self, settings: RouteSettings) -> None:
        # A command that prints a URL is run once for all notices.
        self._settings = msgspec.structs.replace(settings, secret=cache(settings.secret))
        self._mailed = False

    def deliver(self, item: OutboxItem) -> None:
        """Deliver a notice. Raise what the route to the mailboxes raises, or UndeliverableError, WaitingError, ChannelError."""
        if is_mailbox(item.notice.recipient):
            self._mailed = True  # also after an error: the mail may have arrived
            self._mailboxes.deliver(self._for_mailbox(item))
            return
        channel = self._settings.channels.get(item.notice.recipient)
        if channel is None:
            raise UndeliverableError(
                f"no channel has the name {item.notice.recipient}; add it to [notify.channels], or correct the name"
            )
        self._send(channel, item)

    def recorded(self, item: OutboxItem) -> None:
        """See `Route.recorded`."""
        if is_mailbox(item.notice.recipient):
            self._mailboxes.recorded(item)

    def finish(self) -> None:
        """Finish the route to the mailboxes, if a notice went to one."""
        if self._mailed:
            self._mailboxes.finish()

    def text(self, item: OutboxItem) -> Rendered:
        """Return the text of a notice as it is sent, with secrets of the environment masked."""
        found = rendered(item.notice, self._settings.host, self._settings.templates)
        return Rendered(self._mask.text(found.subject), self._mask.text(complete(found.body)))

    @cached_property
    def _mailboxes(self) -> Route:
        return open_route(self._settings.mailboxes, self._settings)

    @cached_property
    def _mask(self) -> Mask:
        return Mask(secrets_of(self._settings.environment(), {}))

    def _for_mailbox(self, item: OutboxItem) -> OutboxItem:
        """Return a notice with its text. That of a handler is sent as it is: its recipient may read it by a program."""
        if not item.notice.kind:
            return item
        found = self.text(item)
        notice = msgspec.structs.replace(item.notice, subject=found.subject, body=found.body)
        return msgspec.structs.replace(item, notice=notice)

    def _send(self, channel: Channel, item: OutboxItem) -> None:
        found = self.text(item)
        message = Message(id=item.id, notice=item.notice, subject=found.subject, body=found.body)
        try:
            import_module(CHANNELS[channel.kind]).send(channel, message, self._settings)
        except OSError as error:
            where = f"{error.filename}: " if error.filename else ""
            raise ChannelError(f"{where}{error.strerror or error}") from error
