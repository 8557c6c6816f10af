"""When mails were opened, for inboxes that do not record it: since the first sweep that saw them open.

A mail that was already open when the sweep first saw its mailbox counts from its own timestamp instead. The record is
kept in a file of the state directory. It is written before the first mail of a run is archived, so that a mail that a
person opened a moment ago is never taken for an old one.
"""

import os
from collections.abc import Iterable, Mapping
from functools import cached_property
from pathlib import Path

import msgspec

from scheduled.handlers.formats.mail_index import MailIndex
from scheduled.state.files import read_regular, write_atomically

NAME = "opened_mails.json"
FORM = 1  # the format version of the file

# For each mail, by its key, the instant (UTC seconds) of the sweep that first saw it open; None: when it was sent.
Seen = Mapping[str, float | None]


class _Saved(msgspec.Struct):
    form: int
    mailboxes: dict[str, dict[str, float | None]]


class OpenedMails:
    """The record in *path*, or one that is not saved. A mailbox is named by its branch, which may move."""

    def __init__(self, path: Path | None = None) -> None:
        self._path, self._changed, self._damage = path, False, ""

    @cached_property
    def _mailboxes(self) -> dict[str, dict[str, float | None]]:
        if self._path is None:
            return {}
        try:
            saved = msgspec.json.decode(read_regular(self._path), type=_Saved)
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, RecursionError) as error:
            self._damage = str(error)
            return {}
        return saved.mailboxes

    def of(self, branch: str) -> Seen | None:
        """Return the record of the mailbox of *branch*; None if no sweep has seen it.

        If the file is damaged, every mailbox was seen, without any mail: its open mails count from now.
        """
        return self._mailboxes.get(branch, {} if self._damage else None)

    def forget(self, branch: str, keys: Iterable[str]) -> None:
        """Drop mails that were archived: one that a person puts back counts from the next sweep."""
        record = self._mailboxes.get(branch, {})
        for key in keys:
            self._changed |= record.pop(key, key) != key

    def see(self, branch: str, index: MailIndex, now: float) -> None:
        """Record that a sweep at *now* (UTC seconds) saw a mailbox; mails that are no longer open are dropped."""
        before = self.of(branch)
        after = {mail.key: None if before is None else before.get(mail.key, now) for mail in index.undated}
        if after != before:
            self._mailboxes[branch], self._changed = after, True

    def save(self) -> str:
        """Write the record if it changed; return a message if it was damaged, in which case the old file is moved aside.

        Raise OSError if it cannot be written.
        """
        if self._path is None or not self._changed:
            return ""
        message = ""
        if self._damage:
            os.replace(self._path, aside := f"{self._path}.damaged")
            message = (
                f"{self._path}: {self._damage}; moved to {aside}; mails that are open now count as opened now"
            )
        write_atomically(self._path, msgspec.json.encode(_Saved(FORM, self._mailboxes)), mode=0o600)
        self._changed, self._damage = False, ""
        return message


def opened_at(seen: Seen | None, key: str, sent: float | None, now: float) -> float | None:
    """Return when a mail without a time of opening was opened (UTC seconds); None if that is its invalid time *sent*.

    *seen* is the record of its mailbox. At *now* it is open.
    """
    if seen is None:
        return sent
    first = seen.get(key, now)
    return sent if first is None else first


def opened_before(index: MailIndex, seen: Seen | None, instant: float, now: float) -> int:
    """Return how many mails in an inbox, other than notices of `scheduled`, were opened before *instant* (UTC seconds)."""
    undated = (opened_at(seen, mail.key, mail.sent, now) for mail in index.undated if not mail.is_own)
    return index.before("opened", instant) + sum(at is not None and at < instant for at in undated)
