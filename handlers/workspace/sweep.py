"""The sweep of one mailbox: judged without the lock, changed under it, and put away before taken out."""

from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import msgspec

from scheduled.handlers.formats import timestamps
from scheduled.handlers.formats.branches import Branch
from scheduled.handlers.formats.inbox import Inbox
from scheduled.handlers.formats.mail_index import MailIndex
from scheduled.handlers.formats.mailbox_files import Folder, archived, read_inbox, update
from scheduled.handlers.formats.message import Counts, Message, identity
from scheduled.handlers.workspace.cache import FileCache
from scheduled.handlers.workspace.staleness import Options, Rule, Verdict
from scheduled.state.files import clear_leftovers, is_temporary


class Swept(msgspec.Struct, kw_only=True):
    """What became of one mailbox, and what lies in it now."""

    counts: Counts
    auto_opened: list[Message]
    problems: list[str]
    opened: int = 0
    closed: int = 0
    waiting: int = 0


class Judged(msgspec.Struct, kw_only=True):
    """The places in a list of messages of those that something is to be done about."""

    to_open: list[int] = []
    to_close: list[int] = []
    waiting: int = 0
    problems: list[str] = []


class Sweep:
    """Sweeps mailboxes as of *now*."""

    def __init__(
        self,
        inside: str,
        options: Options,
        now: datetime,
        zone: ZoneInfo,
        sender: str,
        cache: FileCache | None = None,
    ) -> None:
        self.inside, self.options = inside, options
        self.cache = cache or FileCache(zone=zone, sender=sender)
        self.now, self.zone = now.astimezone(UTC), zone
        self.rule = Rule(options, self.now, zone, sender)

    def sweep(self, branch: Branch) -> Swept | None:
        """Open and put away what is stale; None if there is no inbox. A file with nothing stale is not touched.

        Raise MailboxError if the inbox can't be read or had, OSError if it can't be written.
        """
        self._tidy(branch)  # also where nothing is stale, and so nothing is written
        index = self.cache.inbox(branch, self.inside)
        if index is None:
            return None
        overdue = self._overdue(index)
        if not overdue and not index.peculiar:
            waiting = index.before("waiting", self.rule.new_since)
            return Swept(counts=index.counts, auto_opened=[], problems=[], waiting=waiting)
        if not overdue:
            inbox = read_inbox(branch, self.inside, Inbox)
            if inbox is None:
                return None
            judged = self._judge(branch, inbox)
            if not (judged.to_open or judged.to_close):
                return _swept(inbox, judged)
        # Judged under the lock, and anew every time the file turns out to have been changed meanwhile.
        done: list[Swept] = []
        update(branch, self.inside, lambda inbox: self._edit(branch, inbox, done))
        self.cache.forget(branch.inbox)
        self.cache.forget(branch.mailbox)
        return done[-1]

    def _tidy(self, branch: Branch) -> None:
        with suppress(OSError):
            if any(map(is_temporary, self.cache.names(branch.mailbox))):
                clear_leftovers(branch.mailbox)
                self.cache.forget(branch.mailbox)

    def _overdue(self, index: MailIndex) -> bool:
        """Tell whether any mail is to be opened or put away."""
        stale = index.before("new", self.rule.new_since)
        if stale and not self.options.open_waiting_dispatches:
            stale -= index.before("waiting", self.rule.new_since)
        return bool(stale or index.before("closing", self.rule.opened_since))

    def _judge(self, branch: Branch, inbox: Inbox) -> Judged:
        judged, verdict = Judged(), self.rule.verdict
        for place, mail in enumerate(inbox.mails):
            try:
                found = verdict(mail)
            except ValueError as error:
                # One bad stamp is that message's trouble alone.
                label = f"number {place + 1}" if mail is None else identity(inbox.message(place))
                judged.problems.append(f"{branch.name}: message {label} was left alone: {error}")
                continue
            if found is Verdict.KEEP:
                continue
            if found is Verdict.OPEN:
                judged.to_open.append(place)
            elif found is Verdict.CLOSE:
                judged.to_close.append(place)
            else:
                judged.waiting += 1
        return judged

    def _edit(self, branch: Branch, inbox: Inbox, done: list[Swept]) -> bool:
        judged = self._judge(branch, inbox)
        self._put_away(branch, [inbox.message(place) for place in judged.to_close])
        inbox.remove(judged.to_close)
        stamp = timestamps.iso(self.now, self.zone)
        for place in judged.to_open:
            inbox.change(place, status="opened", read=True, auto_opened=True, auto_opened_at=stamp)
        done.append(_swept(inbox, judged))
        return bool(judged.to_open or judged.to_close)

    def _put_away(self, branch: Branch, leaving: Sequence[Message]) -> None:
        """Have every mail that is leaving lie in `deleted/`, safe from a power cut, before it is taken out."""
        if not leaving:
            return
        folder = Folder(branch, "deleted", self.inside)
        for message in leaving:
            if not folder.holds(message):
                body = archived(message, self.now, self.zone)
                folder.put(message, body, self.now, self.zone, escaped=False)
        folder.settle()


def _swept(inbox: Inbox, judged: Judged) -> Swept:
    mails = inbox.mails
    opened = [place for place in inbox.places() if (mail := mails[place]) and mail.was_auto_opened]
    return Swept(
        counts=inbox.counts(),
        auto_opened=[inbox.message(place) for place in opened],
        problems=judged.problems,
        opened=len(judged.to_open),
        closed=len(judged.to_close),
        waiting=judged.waiting,
    )
