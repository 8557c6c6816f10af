"""What an inbox amounts to, whoever asks and whenever: numbers, and the instants at which its mails begin to age."""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from datetime import datetime
from functools import cached_property
from typing import Literal
from zoneinfo import ZoneInfo

import msgspec

from scheduled.handlers.formats import timestamps as stamps
from scheduled.handlers.formats.message import Counts, Mail, mails_in

Kind = Literal["new", "waiting", "opened", "closing"]
_Stamps = list[float | None]
NEVER = 1e18


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


_encode, _decode = msgspec.json.Encoder().encode, msgspec.json.Decoder(Instants).decode


class MailIndex(msgspec.Struct, array_like=True, dict=True):
    """The numbers are those of all mails. *ids* are as many as there are mails to tell apart by their ids.

    *peculiar*: what the sweep has to look at itself, whatever the time is. *first_...* are the first of the
    *instants* of each kind: as long as none of these is past, the others need not be read.
    """

    total: int = 0
    unread: int = 0
    opened_total: int = 0
    waiting_total: int = 0
    ids: int = 0
    peculiar: bool = False
    first_new: float = NEVER
    first_waiting: float = NEVER
    first_opened: float = NEVER
    first_closing: float = NEVER
    written: msgspec.Raw = msgspec.Raw(b"[]")

    @property
    def counts(self) -> Counts:
        """The counters of the inbox."""
        return Counts(self.total, self.unread)

    @cached_property
    def instants(self) -> Instants:
        """When its mails begin to age."""
        return _decode(self.written)

    def before(self, kind: Kind, instant: float) -> int:
        """Return how many of the instants of a kind are before *instant* (UTC seconds)."""
        first: float = getattr(self, f"first_{kind}")
        return bisect_left(getattr(self.instants, kind), instant) if first < instant else 0

    def sent_within(self, start: datetime, end: datetime) -> int | None:
        """Return how many mails were sent after *start*, up to *end*; None if some can't be told apart."""
        if self.ids < self.total:
            return None
        sent = self.instants.sent
        return bisect_right(sent, end.timestamp()) - bisect_right(sent, start.timestamp())


def of(data: bytes, zone: ZoneInfo, sender: str) -> MailIndex:
    """Return the census of an inbox file, naive stamps read in *zone*; ValueError if it is none.

    *sender* is whom our own notices come from.
    """
    return take(mails_in(data), zone, sender)


def take(mails: Sequence[Mail | None], zone: ZoneInfo, sender: str) -> MailIndex:
    """Return the census of *mails*, as `of` does."""
    # In one pass, and in plain variables: every mail of a workspace comes by here.
    read, ids = stamps.reader(zone), set()
    unread = waiting_total = 0
    auto_opened = False
    new: _Stamps = []
    waiting: _Stamps = []
    opened: _Stamps = []
    closing: _Stamps = []
    sent: _Stamps = []
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
    instants = Instants(*map(_ascending, (new, waiting, opened, closing, sent)))
    return MailIndex(
        total=len(mails),
        unread=unread,
        opened_total=len(closing),
        waiting_total=waiting_total,
        ids=len(ids),
        peculiar=auto_opened or None in mails or None in new or None in closing,
        first_new=min(instants.new[:1], default=NEVER),
        first_waiting=min(instants.waiting[:1], default=NEVER),
        first_opened=min(instants.opened[:1], default=NEVER),
        first_closing=min(instants.closing[:1], default=NEVER),
        written=msgspec.Raw(_encode(instants)),
    )


def _ascending(stamps: _Stamps) -> list[float]:
    return sorted([at for at in stamps if at is not None])
