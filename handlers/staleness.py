"""Which mails are stale: pure rules over one message and the time."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import Enum
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from scheduled.handlers import stamps
from scheduled.handlers.inbox import is_unread
from scheduled.handlers.own import is_own


class Options(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A mail new for more than *new_hours* is opened, one opened for more than *opened_days* put away.

    Mails waiting for dispatch (`auto_execute`, new) are only reported, unless *open_waiting_dispatches*.
    """

    new_hours: float = 48
    opened_days: float = 7
    open_waiting_dispatches: bool = False


SINCE_OPENED = ("auto_opened_at", "opened_at", "timestamp")


class Verdict(Enum):
    """What is to become of a mail."""

    KEEP = "keep"
    OPEN = "open"
    CLOSE = "close"
    WAITING = "waiting"


class Rule:
    """The rule as of *now*, naive stamps read in *zone*, our own notices coming from *sender*."""

    def __init__(self, options: Options, now: datetime, zone: ZoneInfo, sender: str) -> None:
        self._zone, self._sender = zone, sender
        self._new_since = (now - timedelta(hours=options.new_hours)).timestamp()
        self._opened_since = (now - timedelta(days=options.opened_days)).timestamp()
        self._of_waiting = Verdict.OPEN if options.open_waiting_dispatches else Verdict.WAITING

    def verdict(self, message: Mapping[str, Any]) -> Verdict:
        """Judge *message*; ValueError if its age is needed and can't be read.

        A notice of ours is never opened or told about: nobody waits for it, and telling would breed notices.
        Once its reader has opened it, it is put away like any other.
        """
        if message.get("status") == "opened":
            return Verdict.CLOSE if self._since(message, SINCE_OPENED) < self._opened_since else Verdict.KEEP
        if not is_unread(message) or is_own(message, self._sender):
            return Verdict.KEEP
        if self._since(message, ("timestamp",)) >= self._new_since:
            return Verdict.KEEP
        waiting = bool(message.get("auto_execute")) and message.get("status") == "new"
        return self._of_waiting if waiting else Verdict.OPEN

    def _since(self, message: Mapping[str, Any], keys: tuple[str, ...]) -> float:
        # The first stamp there is decides, even a bad one: falling back from `auto_opened_at` to the mail's own
        # time would put away within the hour what was opened a moment ago.
        stamp = next((message[key] for key in keys if message.get(key) is not None), None)
        instant = stamps.instant(stamp, self._zone)
        return stamps.parse(stamp, self._zone).timestamp() if instant is None else instant


def was_auto_opened(message: Mapping[str, Any]) -> bool:
    """Tell whether *message* was opened by the sweep, and lies there still."""
    return message.get("status") == "opened" and message.get("auto_opened") is True
