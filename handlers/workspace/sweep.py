"""The sweep of a mailbox: opens stale unread mails and archives stale opened ones.

The inbox is checked without its lock first, so that a mailbox without stale mail is never locked. Changes are decided
again under the lock. A mail is written to `deleted/` and synced before it is removed from the inbox: after a crash it
may be in both, but it is never lost.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from math import inf
from zoneinfo import ZoneInfo

import msgspec

from scheduled.handlers.formats import timestamps
from scheduled.handlers.formats.branches import Branch
from scheduled.handlers.formats.inbox import Inbox
from scheduled.handlers.formats.mail_index import MailIndex
from scheduled.handlers.formats.mailbox_files import (
    Folder,
    MailboxError,
    Patience,
    archived,
    read_inbox,
    update,
)
from scheduled.handlers.formats.message import Counts, Message, identity
from scheduled.handlers.workspace.cache import FileCache
from scheduled.handlers.workspace.opened import OpenedMails, Seen, opened_times
from scheduled.handlers.workspace.staleness import MailAction, Options, Rule
from scheduled.state.beneath import holding
from scheduled.state.files import clear_leftovers, is_temporary


class Swept(msgspec.Struct, kw_only=True):
    """The result of a sweep: *counts* of the inbox, its automatically opened mails, and the numbers of changes.

    *archived* are the keys of the mails that were archived.
    """

    counts: Counts
    auto_opened: list[Message]
    problems: list[str]
    opened: int = 0
    closed: int = 0
    waiting: int = 0
    archived: list[str] = []


class Stale(msgspec.Struct, kw_only=True):
    """The list indexes of the messages to open and to close, and the number of mails waiting for dispatch."""

    to_open: list[int] = []
    to_close: list[int] = []
    waiting: int = 0
    problems: list[str] = []


# Returns the message to put into an inbox about the mails that are opened now, and those that were opened before, if any.
Digest = Callable[[Branch, Sequence[Message], Sequence[Message]], Message | None]


class Sweep:
    """Sweeps mailboxes at the time *now*; naive timestamps are local in *zone*."""

    def __init__(
        self,
        inside: str,
        options: Options,
        now: datetime,
        zone: ZoneInfo,
        sender: str,
        cache: FileCache | None = None,
        opened: OpenedMails | None = None,
        *,
        digest: Digest = lambda *_: None,
    ) -> None:
        self.inside, self.options = inside, options
        self.opened = opened or OpenedMails()
        self.digest = digest
        self.cache = cache or FileCache(zone=zone, sender=sender)
        self.now, self.zone = now.astimezone(UTC), zone
        self.rule = Rule(options, self.now, zone, sender)
        self.patience = Patience()

    def sweep(self, branch: Branch) -> Swept | None:
        """Open and archive the stale mails of a branch; return None if it has no inbox.

        An inbox without stale mail is not written. Raise MailboxError if the inbox cannot be read or locked, OSError
        if it cannot be written.
        """
        self._clear_leftovers(branch)  # here, because an inbox without stale mail is not written
        index = self.cache.inbox(branch, self.inside)
        if index is None:
            return None
        overdue = self._overdue(index, self.opened.of(branch.name))
        if not overdue and not index.must_read:
            waiting = index.before("waiting", self.rule.new_since)
            return Swept(counts=index.counts, auto_opened=[], problems=[], waiting=waiting)
        if not overdue:
            inbox = read_inbox(branch, self.inside, lambda data: Inbox(data, self.cache.mails))
            if inbox is None:
                return None
            stale = self._stale(branch, inbox)
            if not (stale.to_open or stale.to_close):
                return _swept(inbox, stale)
        # `update` repeats the edit if another program changes the file in between; only the last one counts.
        done: list[Swept] = []
        update(
            branch,
            self.inside,
            lambda inbox: self._edit(branch, inbox, done),
            self.cache.mails,
            self.patience,
            self.cache.last_large,
        )
        self.opened.forget(branch.name, done[-1].archived)
        self.cache.forget(branch.inbox)
        self.cache.forget(branch.mailbox)
        return done[-1]

    def _clear_leftovers(self, branch: Branch) -> None:
        with suppress(OSError):
            if any(map(is_temporary, self.cache.names(branch.mailbox, self.inside))):
                with holding(branch.mailbox, self.inside) as mailbox:
                    clear_leftovers(mailbox)
                self.cache.forget(branch.mailbox)

    def see(self, branch: Branch) -> None:
        """Record which mails of a branch are open. An inbox that cannot be read is left to `sweep`, which reports it."""
        try:
            index = self.cache.inbox(branch, self.inside)
        except (MailboxError, OSError):
            self.opened.see_nothing(branch.name)
            return
        if index is not None:
            self.opened.see(branch.name, index, self.rule.now)

    def _overdue(self, index: MailIndex, seen: Seen | None) -> bool:
        """Return whether any mail must be opened or archived."""
        stale = index.before("new", self.rule.new_since)
        if stale and not self.options.open_waiting_dispatches:
            stale -= index.before("waiting", self.rule.new_since)
        if (
            stale
            or index.before("closing", self.rule.opened_since)
            or index.before("own", self.rule.own_since)
        ):
            return True
        opened = opened_times(index.undated, seen, self.rule.now)
        return min(opened, default=inf) < self.rule.opened_since

    def _stale(self, branch: Branch, inbox: Inbox) -> Stale:
        stale, action_for, seen = Stale(), self.rule.action, self.opened.of(branch.name)
        for place in self.rule.to_judge(inbox.mails, seen):
            mail = inbox.mails[place]
            try:
                action = action_for(mail, seen)
            except ValueError as error:
                # One invalid message must not stop the sweep of the others.
                label = f"number {place + 1}" if mail is None else identity(inbox.message(place))
                stale.problems.append(f"{branch.name}: message {label} was skipped: {error}")
                continue
            if action is MailAction.KEEP:
                continue
            if action is MailAction.OPEN:
                stale.to_open.append(place)
            elif action is MailAction.CLOSE:
                stale.to_close.append(place)
            else:
                stale.waiting += 1
        return stale

    def _edit(self, branch: Branch, inbox: Inbox, done: list[Swept]) -> bool:
        stale = self._stale(branch, inbox)
        self._archive(branch, [inbox.message(place) for place in stale.to_close])
        keys = [mail.key for place in stale.to_close if (mail := inbox.mails[place]) is not None]
        inbox.remove(stale.to_close)
        if stale.to_open:
            self._announce(branch, inbox, stale.to_open)
        stamp = timestamps.iso(self.now, self.zone)
        for place in stale.to_open:
            inbox.change(place, status="opened", read=True, auto_opened=True, auto_opened_at=stamp)
        done.append(msgspec.structs.replace(_swept(inbox, stale), archived=keys))
        return bool(stale.to_open or stale.to_close)

    def _announce(self, branch: Branch, inbox: Inbox, to_open: Sequence[int]) -> None:
        """Put the digest of the mails that will be opened into the inbox, if there is one."""
        message = self.digest(
            branch, [*map(inbox.message, to_open)], [*map(inbox.message, _auto_opened(inbox))]
        )
        if message is not None:
            inbox.put_first(message)

    def _archive(self, branch: Branch, closing: Sequence[Message]) -> None:
        """Write the messages to `deleted/` and sync the directory; those already there from before a crash are kept."""
        if not closing:
            return
        folder = Folder(branch, "deleted", self.inside)
        for message in closing:
            if not folder.holds(message):
                body = archived(message, self.now, self.zone)
                folder.put(message, body, self.now, self.zone, escaped=False)
        folder.settle()


def _auto_opened(inbox: Inbox) -> list[int]:
    """Return the places of the mails that a sweep opened."""
    mails = inbox.mails
    return [
        place
        for place in inbox.places()
        if (mail := mails[place]) and mail.auto_opened and mail.was_auto_opened  # a call for few of the mails
    ]


def _swept(inbox: Inbox, stale: Stale) -> Swept:
    return Swept(
        counts=inbox.counts(),
        auto_opened=[inbox.message(place) for place in _auto_opened(inbox)],
        problems=stale.problems,
        opened=len(stale.to_open),
        closed=len(stale.to_close),
        waiting=stale.waiting,
    )
