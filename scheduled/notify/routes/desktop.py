"""Show notices on the desktop of the user, through the notification service of the session bus.

Without a session bus, or without a notification service on it, a notice waits for about a day: the user may log in.
"""

import html
from typing import Any

from scheduled.core.channels import Channel
from scheduled.installation import command_for
from scheduled.notify import session_bus
from scheduled.notify.routes.base import ChannelError, Message, RouteSettings, WaitingError

SERVICE, PATH = "org.freedesktop.Notifications", "/org/freedesktop/Notifications"
URGENCIES = {"low": 0, "normal": 1, "high": 1, "critical": 2}
# The bus has no such service, and cannot start one.
ABSENT = ("org.freedesktop.DBus.Error.ServiceUnknown", "org.freedesktop.DBus.Error.NameHasNoOwner")
LONGEST = 500  # characters: a desktop shows a few lines


def send(channel: Channel, message: Message, _settings: RouteSettings) -> None:
    """Show *message*. Raise WaitingError if there is no desktop now, ChannelError if its service refuses the notice."""
    address = session_bus.address()
    if address is None:
        raise WaitingError(session_bus.why_no_address())
    try:
        connection = session_bus.Connection(address)
    except ImportError:
        raise ChannelError(f"jeepney is not installed; run {command_for('notify')}") from None
    except OSError as error:
        raise WaitingError(f"the session bus does not answer: {error.strerror or error}") from error
    try:
        _show(connection, message, channel.timeout)
    finally:
        connection.close()


def _show(connection: session_bus.Connection, message: Message, timeout: float) -> None:
    (capabilities,) = _called(connection, "GetCapabilities", "", (), timeout)
    body = message.body[:LONGEST]
    body = html.escape(body, quote=False) if "body-markup" in capabilities else body
    hints = {"urgency": ("y", URGENCIES[message.notice.priority])}
    arguments: tuple[Any, ...] = ("scheduled", 0, "", message.subject, body, [], hints, -1)
    _called(connection, "Notify", "susssasa{sv}i", arguments, timeout)


def _called(
    connection: session_bus.Connection,
    method: str,
    signature: str,
    arguments: tuple[Any, ...],
    timeout: float,
) -> tuple[Any, ...]:
    from jeepney import DBusAddress, HeaderFields, MessageType, new_method_call

    address = DBusAddress(PATH, bus_name=SERVICE, interface=SERVICE)
    reply = connection.call(new_method_call(address, method, signature or None, arguments), timeout)
    if reply.header.message_type is not MessageType.error:
        found: tuple[Any, ...] = reply.body
        return found
    name = reply.header.fields.get(HeaderFields.error_name, "")
    reason = f"{name}: {' '.join(map(str, reply.body))}"
    raise WaitingError(f"no notification service: {reason}") if name in ABSENT else ChannelError(reason)
