"""Print a test notice on stderr. Ticks print those of the outbox themselves, see `engine.printed_notices`."""

import sys

from scheduled.core.channels import Channel
from scheduled.notify.routes.base import Message, RouteSettings


def send(_channel: Channel, message: Message, _settings: RouteSettings) -> None:
    """Print *message*, of which the texts have no control characters."""
    sys.stderr.write(f"{message.subject}\n\n{message.body}\n")
    sys.stderr.flush()
