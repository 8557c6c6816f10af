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


def verdict(
    message: Mapping[str, Any], options: Options, now: datetime, zone: ZoneInfo, sender: str
) -> Verdict:
    """Judge *message* as of *now*, notices coming from *sender*; ValueError if its age is needed and can't be read.

    A notice of ours is never opened or told about: nobody waits for it, and telling would breed notices.
    Once its reader has opened it, it is put away like any other.
    """
    if is_unread(message):
        if is_own(message, sender) or now - _since(message, ("timestamp",), zone) <= timedelta(
            hours=options.new_hours
        ):
            return Verdict.KEEP
        waiting = bool(message.get("auto_execute")) and message.get("status") == "new"
        return Verdict.WAITING if waiting and not options.open_waiting_dispatches else Verdict.OPEN
    if message.get("status") == "opened":
        opened = _since(message, SINCE_OPENED, zone)
        return Verdict.CLOSE if now - opened > timedelta(days=options.opened_days) else Verdict.KEEP
    return Verdict.KEEP


def was_auto_opened(message: Mapping[str, Any]) -> bool:
    """Tell whether *message* was opened by the sweep, and lies there still."""
    return message.get("status") == "opened" and message.get("auto_opened") is True


def _since(message: Mapping[str, Any], keys: tuple[str, ...], zone: ZoneInfo) -> datetime:
    # The first stamp there is decides, even a bad one: falling back from `auto_opened_at` to the mail's own
    # time would put away within the hour what was opened a moment ago.
    stamp = next((message[key] for key in keys if message.get(key) is not None), None)
    return stamps.parse(stamp, zone)
