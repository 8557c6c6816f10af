"""What an inbox amounts to, whoever asks and whenever: numbers, and the instants at which its mails begin to age."""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from datetime import datetime
from functools import cached_property
from typing import Literal
from zoneinfo import ZoneInfo

import msgspec

from scheduled.handlers import stamps
from scheduled.handlers.mail import Counts, Mail, mails_in

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
    read, ids, found = stamps.reader(zone), set(), Instants([], [], [], [], [])
    census = Census(total=len(mails))
    for mail in mails:
        if mail is None:
            census.peculiar = True
            continue
        if mail.id is not None:
            ids.add(str(mail.id))
        sent = read(mail.timestamp)
        if sent is not None:
            found.sent.append(sent)
        if mail.status == "opened":
            _note_opened(
                census, found, mail, sent if mail.opened_stamp is mail.timestamp else read(mail.opened_stamp)
            )
            if sent is not None and not mail.is_own(sender):
                found.opened.append(sent)
        elif mail.unread:
            _note_unread(census, found, mail, sent, own=mail.is_own(sender))
    census.ids = len(ids)
    return _written(census, found)


def _note_opened(census: Census, found: Instants, mail: Mail, since: float | None) -> None:
    census.opened_total += 1
    if since is None or mail.was_auto_opened:
        census.peculiar = True
    if since is not None:
        found.closing.append(since)


def _note_unread(census: Census, found: Instants, mail: Mail, sent: float | None, *, own: bool) -> None:
    waits = mail.waits
    census.unread += 1
    census.waiting_total += waits
    if own:
        return
    if sent is None:
        census.peculiar = True
        return
    found.new.append(sent)
    if waits:
        found.waiting.append(sent)


def _written(census: Census, found: Instants) -> Census:
    for instants in (found.new, found.waiting, found.opened, found.closing, found.sent):
        instants.sort()
    census.first_new = min(found.new[:1], default=NEVER)
    census.first_waiting = min(found.waiting[:1], default=NEVER)
    census.first_opened = min(found.opened[:1], default=NEVER)
    census.first_closing = min(found.closing[:1], default=NEVER)
    census.written = msgspec.Raw(_encode(found))
    return census
