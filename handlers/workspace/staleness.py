"""Which mails are stale: pure rules over one message and the time."""

from datetime import datetime, timedelta
from enum import Enum
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from scheduled.handlers.formats import timestamps
from scheduled.handlers.formats.json_text import MalformedError
from scheduled.handlers.formats.message import Mail

NEW_HOURS: float = 48  # for which a mail may lie unread before the sweep opens it, and the check notes it


class Options(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A mail new for more than *new_hours* is opened, one opened for more than *opened_days* put away.

    Mails waiting for dispatch (`auto_execute`, new) are only reported, unless *open_waiting_dispatches*.
    """

    new_hours: float = NEW_HOURS
    opened_days: float = 7
    open_waiting_dispatches: bool = False


class Verdict(Enum):
    """What is to become of a mail."""

    KEEP = "keep"
    OPEN = "open"
    CLOSE = "close"
    WAITING = "waiting"


class Rule:
    """The rule as of *now*, naive stamps read in *zone*, our own notices coming from *sender*.

    What is new is stale if it was sent before *new_since*, what is open if it was opened before *opened_since* (UTC
    seconds).
    """

    def __init__(self, options: Options, now: datetime, zone: ZoneInfo, sender: str) -> None:
        self._zone, self._sender, self._read = zone, sender, timestamps.reader(zone)
        self.new_since = (now - timedelta(hours=options.new_hours)).timestamp()
        self.opened_since = (now - timedelta(days=options.opened_days)).timestamp()
        self._of_waiting = Verdict.OPEN if options.open_waiting_dispatches else Verdict.WAITING

    def verdict(self, mail: Mail | None) -> Verdict:
        """Judge *mail*; ValueError if its age is needed and can't be read, or if there is no mail.

        A notice of ours is never opened or told about: nobody waits for it, and telling would breed notices.
        Once its reader has opened it, it is put away like any other.
        """
        if mail is None:
            raise MalformedError("it is no message")
        if mail.status == "opened":
            return Verdict.CLOSE if self._instant(mail.opened_stamp) < self.opened_since else Verdict.KEEP
        if not mail.unread or mail.is_own(self._sender):
            return Verdict.KEEP
        if self._instant(mail.timestamp) >= self.new_since:
            return Verdict.KEEP
        return self._of_waiting if mail.waits else Verdict.OPEN

    def _instant(self, stamp: Any) -> float:
        instant = self._read(stamp)
        return timestamps.parse(stamp, self._zone).timestamp() if instant is None else instant
