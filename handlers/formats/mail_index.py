"""The index of an inbox: counts and sorted times of its mails.

The index does not depend on the current time, so it can be cached: stale mails are counted by comparing the times.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Literal
from zoneinfo import ZoneInfo

import msgspec

from scheduled.handlers.formats import timestamps
from scheduled.handlers.formats.message import Counts, Mail, mails_in

Kind = Literal["new", "waiting", "opened", "closing", "own"]


class Instants(msgspec.Struct, array_like=True):
    """Times of mails in UTC seconds, ascending.

    *new* and *waiting* are the times of sending of the unread mails, and of those of them that wait for dispatch, without
    the notices of `scheduled`. *closing* are the times at which mails were opened that record it, *opened* the same
    without the notices, *sent* the times of sending of all mails, *own* the times of the unread notices.
    """

    new: list[float] = []
    waiting: list[float] = []
    opened: list[float] = []
    closing: list[float] = []
    sent: list[float] = []
    own: list[float] = []


class Undated(msgspec.Struct, array_like=True, frozen=True):
    """An opened mail that does not record when it was opened: its `Mail.key`, and when it was sent (UTC seconds).

    *sent* is None if its timestamp is not valid. *is_own*: it is a notice of `scheduled`.
    """

    key: str
    sent: float | None
    is_own: bool = False


class MailIndex(msgspec.Struct, array_like=True):
    """The counts of all mails in an inbox, and their times; *undated* are the opened mails of unknown age. *ids* is the number of distinct message ids.

    *must_read*: the sweep has to read the messages even if none is stale, because a mail was opened automatically,
    has an invalid time, or is not a message.
    """

    total: int = 0
    unread: int = 0
    opened_total: int = 0
    waiting_total: int = 0
    ids: int = 0
    must_read: bool = False
    instants: Instants = msgspec.field(default_factory=Instants)
    undated: list[Undated] = []

    @property
    def counts(self) -> Counts:
        """The numbers of all and of unread messages."""
        return Counts(self.total, self.unread)

    def before(self, kind: Kind, instant: float) -> int:
        """Return how many times of a kind are before *instant* (UTC seconds)."""
        return bisect_left(getattr(self.instants, kind), instant)

    def sent_within(self, start: datetime, end: datetime) -> int | None:
        """Return how many mails were sent after *start* and not after *end*; None if some ids are missing or equal."""
        if self.ids < self.total:
            return None
        sent = self.instants.sent
        return bisect_right(sent, end.timestamp()) - bisect_right(sent, start.timestamp())


def of(data: bytes, zone: ZoneInfo, sender: str) -> MailIndex:
    """Return the index of an inbox file. Raise ValueError if *data* is not an inbox.

    Naive timestamps are local in *zone*; *sender* is the address that `scheduled` sends its notices from.
    """
    return index_of(mails_in(data), zone, sender)


def index_of(mails: Sequence[Mail | None], zone: ZoneInfo, sender: str) -> MailIndex:
    """Return the index of *mails*; the parameters are those of `of`."""
    # List comprehensions and one loop with few calls, for speed: this runs for every mail of a workspace. The conditions are
    # those of the properties of `Mail`.
    read = timestamps.reader(zone)
    found = [mail for mail in mails if mail is not None]
    sent = [read(mail.timestamp) for mail in found]
    ids = {str(mail.id) for mail in found if mail.id is not None}
    stamps: list[list[float | None]] = [[] for _ in range(5)]
    new, waiting, opened, closing, own = stamps
    unread = waiting_total = opened_total = 0
    undated: list[Undated] = []
    auto_opened = False
    for mail, at in zip(found, sent, strict=True):
        status = mail.status
        if status == "opened":
            opened_total += 1
            auto_opened = auto_opened or mail.auto_opened is True
            is_own = mail.sender == sender and mail.is_own(sender)
            stamp = mail.opened_at if mail.auto_opened_at is None else mail.auto_opened_at
            if stamp is None:
                of_text = at if mail.last_updated is None else read(mail.last_updated)
                undated.append(Undated(mail.key, of_text, is_own))
                continue
            closing.append(opened_at := read(stamp))
            if not is_own:
                opened.append(opened_at)
        elif status == "new" or (status is None and not mail.read):
            unread += 1
            waits = status == "new" and bool(mail.auto_execute)
            waiting_total += waits
            if mail.sender == sender and mail.is_own(sender):
                own.append(read(mail.stamp))
                continue
            new.append(at)
            if waits:
                waiting.append(at)
    return MailIndex(
        total=len(mails),
        unread=unread,
        opened_total=opened_total,
        waiting_total=waiting_total,
        ids=len(ids),
        must_read=auto_opened
        or len(found) < len(mails)
        or None in new
        or None in closing
        or any(mail.sent is None for mail in undated),
        instants=Instants(*map(_ascending, (new, waiting, opened, closing, sent, own))),
        undated=undated,
    )


def _ascending(stamps: Iterable[float | None]) -> list[float]:
    return sorted([at for at in stamps if at is not None])
