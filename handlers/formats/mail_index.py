"""The index of an inbox: numbers, and the instants at which its mails begin to age. It holds at any time."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Literal
from zoneinfo import ZoneInfo

import msgspec

from scheduled.handlers.formats import timestamps
from scheduled.handlers.formats.message import Counts, Mail, mails_in

Kind = Literal["new", "waiting", "opened", "closing"]


class Instants(msgspec.Struct, array_like=True):
    """In UTC seconds, ascending.

    *new* and *opened* are when the unread and the opened mails were sent, *waiting* those among the new that wait
    for dispatch, our own notices left out; *closing* since when the opened ones have been so, *sent* all there are.
    """

    new: list[float] = []
    waiting: list[float] = []
    opened: list[float] = []
    closing: list[float] = []
    sent: list[float] = []


class MailIndex(msgspec.Struct, array_like=True):
    """The numbers are those of all mails. *ids* are as many as there are mails to tell apart by their ids.

    *peculiar*: the sweep has to read the mails themselves, whatever the time is.
    """

    total: int = 0
    unread: int = 0
    opened_total: int = 0
    waiting_total: int = 0
    ids: int = 0
    peculiar: bool = False
    instants: Instants = msgspec.field(default_factory=Instants)

    @property
    def counts(self) -> Counts:
        """The counters of the inbox."""
        return Counts(self.total, self.unread)

    def before(self, kind: Kind, instant: float) -> int:
        """Return how many of the instants of a kind are before *instant* (UTC seconds)."""
        return bisect_left(getattr(self.instants, kind), instant)

    def sent_within(self, start: datetime, end: datetime) -> int | None:
        """Return how many mails were sent after *start*, up to *end*; None if some can't be told apart."""
        if self.ids < self.total:
            return None
        sent = self.instants.sent
        return bisect_right(sent, end.timestamp()) - bisect_right(sent, start.timestamp())


def of(data: bytes, zone: ZoneInfo, sender: str) -> MailIndex:
    """Return the index of an inbox file, naive stamps read in *zone*; ValueError if it is none.

    *sender* is whom our own notices come from.
    """
    return index_of(mails_in(data), zone, sender)


def index_of(mails: Sequence[Mail | None], zone: ZoneInfo, sender: str) -> MailIndex:
    """Return the index of *mails*, as `of` does."""
    # In one pass, and in plain variables: every mail of a workspace comes by here.
    read, ids = timestamps.reader(zone), set()
    unread = waiting_total = 0
    auto_opened = False
    stamps: list[list[float | None]] = [[] for _ in Instants.__struct_fields__]
    new, waiting, opened, closing, sent = stamps
    for mail in filter(None, mails):
        at = read(mail.timestamp)
        sent.append(at)
        if mail.id is not None:
            ids.add(str(mail.id))
        if mail.status == "opened":
            stamp = mail.opened_stamp
            closing.append(at if stamp is mail.timestamp else read(stamp))
            auto_opened = auto_opened or mail.was_auto_opened
            if not mail.is_own(sender):
                opened.append(at)
        elif mail.unread:
            unread += 1
            waits = mail.waits
            waiting_total += waits
            if not mail.is_own(sender):
                new.append(at)
                if waits:
                    waiting.append(at)
    return MailIndex(
        total=len(mails),
        unread=unread,
        opened_total=len(closing),
        waiting_total=waiting_total,
        ids=len(ids),
        peculiar=auto_opened or None in mails or None in new or None in closing,
        instants=Instants(*map(_ascending, stamps)),
    )


def _ascending(stamps: Iterable[float | None]) -> list[float]:
    return sorted([at for at in stamps if at is not None])
