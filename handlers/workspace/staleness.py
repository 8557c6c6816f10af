"""The rules for stale mail: pure functions of one message and the current time."""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from enum import Enum
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from scheduled.handlers.formats import timestamps
from scheduled.handlers.formats.json_text import MalformedError
from scheduled.handlers.formats.message import Mail
from scheduled.handlers.workspace.opened import Seen

OWN_DAYS = 30  # after which an unread notice of `scheduled` is archived, so that they do not pile up for ever
NEW_HOURS: float = 48  # default age at which the sweep opens an unread mail, and the health check notes it


class Options(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Unread mails older than *new_hours* are opened; mails opened for more than *opened_days* are archived.

    An unread mail with `auto_execute` waits for dispatch, which opening would cancel. So it is only counted, unless
    *open_waiting_dispatches* is set.
    """

    new_hours: float = NEW_HOURS
    opened_days: float = 7
    open_waiting_dispatches: bool = False


class MailAction(Enum):
    """The action for a mail: keep it, mark it as opened, archive it, or count it as waiting for dispatch."""

    KEEP = "keep"
    OPEN = "open"
    CLOSE = "close"
    WAITING = "waiting"


class Rule:
    """The rules at the time *now*. Naive timestamps are local in *zone*; `scheduled` sends its notices as *sender*.

    An unread mail is stale if it was sent before *new_since*, an opened one if it was opened before *opened_since*, an
    unread notice of `scheduled` if its text is from before *own_since* (all UTC seconds).
    """

    def __init__(self, options: Options, now: datetime, zone: ZoneInfo, sender: str) -> None:
        self._zone, self._sender, self._read = zone, sender, timestamps.reader(zone)
        new_since, opened_since = (
            now - timedelta(hours=options.new_hours),
            now - timedelta(days=options.opened_days),
        )
        self.new_since, self.opened_since = new_since.timestamp(), opened_since.timestamp()
        self._kept_new, self._kept_opened = (
            timestamps.local_since(since, zone) for since in (new_since, opened_since)
        )
        self.own_since = (now - timedelta(days=OWN_DAYS)).timestamp()
        self.now = now.timestamp()
        self._of_waiting = MailAction.OPEN if options.open_waiting_dispatches else MailAction.WAITING

    def to_judge(self, mails: Iterable[Mail | None], seen: Seen | None = None) -> Iterator[int]:
        """Yield the places of those *mails* that `action` may not keep.

        It takes a quarter of the time of `action`: naive times are compared as such, and most mails need few calls.
        """
        parsed, last = datetime.fromisoformat, timestamps.LAST
        for place, mail in enumerate(mails):
            if mail is not None:
                status = mail.status
                if status == "opened":
                    stamp = mail.opened_at if mail.auto_opened_at is None else mail.auto_opened_at
                    if stamp is None and seen is not None:
                        first = seen.get(mail.key, self.now)
                        if first is not None and first >= self.opened_since:
                            continue
                    kept = self._kept_opened
                    stamp = mail.stamp if stamp is None else stamp
                elif status == "new" or (status is None and not mail.read):
                    kept, stamp = self._kept_new, None if mail.sender == self._sender else mail.timestamp
                else:
                    continue
                try:
                    if kept <= parsed(stamp) < last:
                        continue
                except (TypeError, ValueError):
                    pass  # it has an offset or blanks, or is not a time
            yield place

    def action(self, mail: Mail | None, seen: Seen | None = None) -> MailAction:
        """Return the action for *mail*; *seen* is the record of its mailbox, see `OpenedMails`. Raise ValueError if it is None or a timestamp that is needed is not valid.

        Unread notices of `scheduled` are not opened, which would cause another notice; those that are not read for 30 days
        are archived. A notice that its reader has opened is archived like any other mail.
        """
        if mail is None:
            raise MalformedError("it is not a message")
        if mail.status == "opened":
            return MailAction.CLOSE if self._opened(mail, seen) < self.opened_since else MailAction.KEEP
        if not mail.unread:
            return MailAction.KEEP
        if mail.sender == self._sender and mail.is_own(self._sender):
            at = self._read(mail.stamp)
            return MailAction.CLOSE if at is not None and at < self.own_since else MailAction.KEEP
        if self._instant(mail.timestamp) >= self.new_since:
            return MailAction.KEEP
        return self._of_waiting if mail.waits else MailAction.OPEN

    def _opened(self, mail: Mail, seen: Seen | None) -> float:
        if mail.opened_stamp is not None:
            return self._instant(mail.opened_stamp)
        first = None if seen is None else seen.get(mail.key, self.now)
        return self._instant(mail.stamp) if first is None else first

    def _instant(self, stamp: Any) -> float:
        instant = self._read(stamp)
        return timestamps.parse(stamp, self._zone).timestamp() if instant is None else instant
