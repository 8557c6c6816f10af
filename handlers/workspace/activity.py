"""Counts the mails that each branch sent and received in a time span, archived mails included."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from scheduled.handlers.formats import timestamps
from scheduled.handlers.formats.branches import Branch
from scheduled.handlers.formats.json_text import parse
from scheduled.handlers.formats.mailbox_files import MailboxError, read_messages
from scheduled.handlers.formats.message import identity
from scheduled.handlers.workspace.workspace import Workspace
from scheduled.state.beneath import names_in
from scheduled.state.files import read_regular

_NAMED_BY_TIME = re.compile(r"(\d{8}_\d{6})_")


class Activity(msgspec.Struct, frozen=True, kw_only=True):
    """The numbers of mails that one branch sent and received in the time span."""

    branch: str
    sent: int
    received: int

    @property
    def total(self) -> int:
        """The sum of sent and received mails."""
        return self.sent + self.received


class Traffic:
    """Counts the mails with a timestamp after *start* and not after *end*; naive timestamps are local in *zone*."""

    def __init__(self, workspace: Workspace, start: datetime, end: datetime, zone: ZoneInfo) -> None:
        self.workspace, self.inside, self.zone = workspace, workspace.inside, zone
        self.start, self.end = start.astimezone(UTC), end.astimezone(UTC)

    def busiest_first(self) -> list[Activity]:
        """Return the branches that sent or received mails, those with the most mails first."""
        found = (
            Activity(branch=branch.name, sent=self._sent(branch), received=self._received(branch))
            for branch in self.workspace.branches
        )
        return sorted((each for each in found if each.total), key=lambda each: (-each.total, each.branch))

    def _received(self, branch: Branch) -> int:
        deleted = [mail for _, mail in self._mails(branch, "deleted") if self._counts(mail)]
        try:
            index = self.workspace.cache.inbox(branch, self.inside)
            number = 0 if index is None else index.sent_within(self.start, self.end)
            if number is not None and not deleted:
                return number
            messages = read_messages(branch, self.inside) or []
        except MailboxError:
            messages = []  # the checkup of the branch reports the error
        return len({identity(mail) for mail in (*filter(self._counts, messages), *deleted)})

    def _sent(self, branch: Branch) -> int:
        # Mails in `sent/` have no id, but keep their file name when they are moved to the archive.
        return len({name for name, mail in self._mails(branch, "sent") if self._counts(mail)})

    def _mails(self, branch: Branch, name: str) -> Iterator[tuple[str, Any]]:
        """Yield file name and content of each mail in a folder and its archive that may belong to the time span."""
        mailbox = branch.mailbox
        for first, folder in ((name, name), (".archive", f".archive/{name}")):
            if self.workspace.cache.may_hold(mailbox, self.inside, first):
                yield from self._mails_in(f"{mailbox}/{folder}")

    def _mails_in(self, folder: str) -> Iterator[tuple[str, Any]]:
        for file in _names(folder, self.inside):
            if not self._is_older(file):
                yield file, self._read(f"{folder}/{file}")

    def _is_older(self, file: str) -> bool:
        """Return whether the time in a file name, of sending or deleting the mail, is before the time span."""
        if not (named := _NAMED_BY_TIME.match(file)):
            return False
        try:
            stamp = datetime.strptime(named[1], "%Y%m%d_%H%M%S").replace(tzinfo=self.zone, fold=1)
        except ValueError:
            return False
        return stamp.astimezone(UTC) < self.start

    def _read(self, path: str) -> Any:
        try:
            return parse(read_regular(path, inside=self.inside))
        except (OSError, ValueError):
            return None

    def _counts(self, mail: Any) -> bool:
        if not isinstance(mail, dict):
            return False
        try:
            return self.start < timestamps.parse(mail.get("timestamp"), self.zone) <= self.end
        except ValueError:
            return False


def _names(folder: str, inside: str) -> list[str]:
    try:
        return [name for name in names_in(folder, inside) if name.endswith(".json")]
    except OSError:
        return []
