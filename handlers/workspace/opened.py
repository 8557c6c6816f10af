"""When mails were opened, for inboxes that do not record it: since the first sweep that saw them open.

A mail that was already open when the sweep first saw its mailbox counts from its own timestamp instead. The record is
kept in a file of the state directory. It is written before the first mail of a run is archived, so that a mail that a
person opened a moment ago is never taken for an old one.
"""

from collections.abc import Iterable, Mapping
from functools import cached_property
from pathlib import Path

import msgspec

from scheduled.handlers.formats.mail_index import MailIndex, Undated
from scheduled.state.files import read_regular, write_atomically
from scheduled.state.opened_record import NAME

__all__ = ["NAME", "OpenedMails", "Seen", "opened_before", "opened_times"]

FORM = 1  # the format version of the file

# For each mail, by its key, the instant (UTC seconds) of the sweep that first saw it open; None: when it was sent.
Seen = Mapping[str, float | None]


class _Saved(msgspec.Struct):
    form: int
    mailboxes: dict[str, dict[str, float | None]]


class OpenedMails:
    """The record in *path*, or one that is not saved. A mailbox is named by its branch, which may move.

    *was_written* is whether the file must exist because an earlier run wrote it.
    """

    def __init__(self, path: Path | None = None, *, was_written: bool = False) -> None:
        self._path, self._changed, self._damage, self._missing = path, False, "", False
        self.was_written = was_written

    @cached_property
    def _mailboxes(self) -> dict[str, dict[str, float | None]]:
        if self._path is None:
            return {}
        try:
            saved = msgspec.json.decode(read_regular(self._path), type=_Saved)
        except FileNotFoundError:
            self._missing = True
            return {}
        except (OSError, ValueError, RecursionError) as error:
            self._damage = str(error)
            return {}
        return saved.mailboxes

    @property
    def _fault(self) -> str:
        return self._damage or ("is lost" if self._missing and self.was_written else "")

    def of(self, branch: str) -> Seen | None:
        """Return the record of the mailbox of *branch*; None if no sweep has seen it.

        If the file is damaged or lost, every mailbox was seen, without any mail: its open mails count from now.
        """
        found = self._mailboxes.get(branch)
        return {} if found is None and self._fault else found

    def forget(self, branch: str, keys: Iterable[str]) -> None:
        """Drop mails that were archived: one that a person puts back counts from the next sweep."""
        record = self._mailboxes.get(branch, {})
        for key in keys:
            self._changed |= record.pop(key, key) != key

    def see(self, branch: str, index: MailIndex, now: float) -> None:
        """Record that a sweep at *now* (UTC seconds) saw a mailbox; mails that are no longer open are dropped."""
        before = self.of(branch)
        after = {mail.key: None if before is None else before.get(mail.key, now) for mail in index.undated}
        if after != before or branch not in self._mailboxes:
            self._mailboxes[branch], self._changed = after, True

    def see_nothing(self, branch: str) -> None:
        """Record that a mailbox can't be read now. Its open mails count from the next sweep if the file is damaged or lost."""
        before = self.of(branch)
        if before is not None:
            self._mailboxes.setdefault(branch, dict(before))

    def save(self) -> str:
        """Write the record if it changed; return a message if it was damaged or lost. A damaged file is moved aside.

        Raise OSError if it cannot be written.
        """
        record, path = self._mailboxes, self._path
        if path is None or not (self._changed or self._fault):
            return ""
        message = self._moved_aside(path) if self._fault else ""
        write_atomically(path, msgspec.json.encode(_Saved(FORM, record)), mode=0o600)
        self._changed, self._damage, self._missing = False, "", False
        return message

    def _moved_aside(self, path: Path) -> str:
        """Move a damaged file aside; return the message that the record was damaged or lost."""
        moved = ""
        if self._damage:
            from scheduled.state import aside  # only if the file is damaged

            aside.keep(
                path, kept := f"{path}.damaged"
            )  # until it is replaced, it stays the evidence of its loss
            moved = f"moved to {kept}; "
        return f"{path}: {self._fault}; {moved}mails that are open now count as opened now"

    @property
    def is_kept(self) -> bool:
        """Whether the file exists."""
        return self._path is not None and self._path.exists()


def opened_times(mails: Iterable[Undated], seen: Seen | None, now: float) -> list[float]:
    """Return when mails without a time of opening were opened (UTC seconds), as far as that is known.

    *seen* is the record of their mailbox. At *now* they are open.
    """
    if seen is None:
        found = [mail.sent for mail in mails]
    else:
        found = [mail.sent if (first := seen.get(mail.key, now)) is None else first for mail in mails]
    return [at for at in found if at is not None]


def opened_before(index: MailIndex, seen: Seen | None, instant: float, now: float) -> int:
    """Return how many mails in an inbox, other than notices of `scheduled`, were opened before *instant* (UTC seconds)."""
    undated = opened_times([mail for mail in index.undated if not mail.is_own], seen, now)
    return index.before("opened", instant) + len([at for at in undated if at < instant])
