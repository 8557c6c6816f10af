"""What an inbox amounts to, whoever asks and whenever: numbers, and the instants at which its mails begin to age."""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from datetime import datetime
from functools import cached_property
from typing import Literal
from zoneinfo import ZoneInfo

import msgspec

from scheduled.handlers import stamps
from scheduled.handlers.mail import Counts, Mail, count, mails_in

Kind = Literal["new", "waiting", "opened", "closing"]
NEVER = 1e18


class Instants(msgspec.Struct, array_like=True):
    """In UTC seconds, ascending; all but *sent* leave our own notices out.

    *new* and *opened* are when the unread and the opened mails were sent, *waiting* those among the new that wait
    for dispatch, *closing* since when the opened ones have been so (ours too), *sent* all there are.
    """

    new: list[float] = []
    waiting: list[float] = []
    opened: list[float] = []
    closing: list[float] = []
    sent: list[float] = []


_encode, _decode = msgspec.json.Encoder().encode, msgspec.json.Decoder(Instants).decode


class Census(msgspec.Struct, array_like=True, dict=True):
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


def of(data: bytes, zone: ZoneInfo, sender: str) -> Census:
    """Return the census of an inbox file, naive stamps read in *zone*; ValueError if it is none.

    *sender* is whom our own notices come from.
    """
    return take(mails_in(data), zone, sender)


def take(mails: Sequence[Mail | None], zone: ZoneInfo, sender: str) -> Census:
    """Return the census of *mails*, as `of` does."""
    read, found, peculiar = stamps.reader(zone), Instants([], [], [], [], []), False
    opened = waiting = 0
    for mail in mails:
        if mail is None:
            peculiar = True
            continue
        sent = read(mail.timestamp)
        if sent is not None:
            found.sent.append(sent)
        if mail.status == "opened":
            opened += 1
            since = sent if mail.opened_stamp is mail.timestamp else read(mail.opened_stamp)
            peculiar = not _note(since, found.closing) or mail.was_auto_opened or peculiar
            if sent is not None and not mail.is_own(sender):
                found.opened.append(sent)
        elif mail.unread:
            waiting += mail.waits
            if not mail.is_own(sender):
                peculiar = not _note(sent, found.new) or peculiar
                if mail.waits:
                    _note(sent, found.waiting)
    return _census(mails, found, opened, waiting, peculiar=peculiar)


def _note(instant: float | None, instants: list[float]) -> bool:
    """Add an instant; False if there is none."""
    if instant is not None:
        instants.append(instant)
    return instant is not None


def _census(
    mails: Sequence[Mail | None], found: Instants, opened: int, waiting: int, *, peculiar: bool
) -> Census:
    for instants in (found.new, found.waiting, found.opened, found.closing, found.sent):
        instants.sort()
    total, unread = count(mails)
    return Census(
        total=total,
        unread=unread,
        opened_total=opened,
        waiting_total=waiting,
        ids=len({str(mail.id) for mail in mails if mail is not None and mail.id is not None}),
        peculiar=peculiar,
        first_new=min(found.new[:1], default=NEVER),
        first_waiting=min(found.waiting[:1], default=NEVER),
        first_opened=min(found.opened[:1], default=NEVER),
        first_closing=min(found.closing[:1], default=NEVER),
        written=msgspec.Raw(_encode(found)),
    )
