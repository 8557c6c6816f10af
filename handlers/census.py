"""What an inbox amounts to, whoever asks and whenever: numbers, and the instants at which its mails begin to age."""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from scheduled.handlers import stamps
from scheduled.handlers.inbox import Counts, Message, identity, is_unread
from scheduled.handlers.own import is_own
from scheduled.handlers.staleness import SINCE_OPENED, was_auto_opened


class Census(msgspec.Struct, array_like=True):
    """The numbers are those of all mails; the instants (UTC seconds, ascending) leave our own notices out.

    *new* and *opened* are when the unread and the opened mails were sent, *waiting* those among the new that wait
    for dispatch, *closing* since when the opened ones have been so, *sent* all there are. *ids* are as many as there
    are mails to tell apart. *peculiar*: what the sweep has to look at itself, whatever the time is.
    """

    total: int = 0
    unread: int = 0
    opened_total: int = 0
    waiting_total: int = 0
    ids: int = 0
    peculiar: bool = False
    new: list[float] = []
    waiting: list[float] = []
    opened: list[float] = []
    closing: list[float] = []
    sent: list[float] = []

    @property
    def counts(self) -> Counts:
        """The counters of the inbox."""
        return Counts(self.total, self.unread)

    def sent_within(self, start: datetime, end: datetime) -> int | None:
        """Return how many mails were sent after *start*, up to *end*; None if some can't be told apart."""
        if self.ids < self.total:
            return None
        return bisect_right(self.sent, end.timestamp()) - bisect_right(self.sent, start.timestamp())


def before(instants: Sequence[float], now: datetime, age: timedelta) -> int:
    """Return how many of the ascending *instants* are more than *age* before *now*."""
    return bisect_left(instants, (now - age).timestamp())


def take(messages: Sequence[Any], zone: ZoneInfo, sender: str) -> Census:
    """Return the census of *messages*, naive stamps read in *zone*, notices of ours coming from *sender*."""
    census = Census(total=len(messages), ids=len({identity(m) for m in messages if isinstance(m, dict)}))
    for message in messages:
        if isinstance(message, dict):
            _count(census, message, zone, sender)
        else:
            census.peculiar = True
    for instants in (census.new, census.waiting, census.opened, census.closing, census.sent):
        instants.sort()
    return census


def _count(census: Census, message: Message, zone: ZoneInfo, sender: str) -> None:
    status, sent = message.get("status"), stamps.instant(message.get("timestamp"), zone)
    if sent is not None:
        census.sent.append(sent)
    if status == "opened":
        _count_opened(census, message, sent, zone, sender)
    elif is_unread(message):
        _count_unread(census, message, sent, sender)


def _count_opened(census: Census, message: Message, sent: float | None, zone: ZoneInfo, sender: str) -> None:
    census.opened_total += 1
    if was_auto_opened(message):
        census.peculiar = True
    since = next((key for key in SINCE_OPENED if message.get(key) is not None), "timestamp")
    _note(census, sent if since == "timestamp" else stamps.instant(message[since], zone), census.closing)
    if sent is not None and not is_own(message, sender):
        census.opened.append(sent)


def _count_unread(census: Census, message: Message, sent: float | None, sender: str) -> None:
    waits = message.get("status") == "new" and bool(message.get("auto_execute"))
    census.unread += 1
    census.waiting_total += waits
    if not is_own(message, sender):
        _note(census, sent, census.new, *([census.waiting] if waits else []))


def _note(census: Census, instant: float | None, *lists: list[float]) -> None:
    if instant is None:
        census.peculiar = True
        return
    for instants in lists:
        instants.append(instant)
