"""Digests of opened mails, which are put into an inbox by the write that opens the mails.

So a digest can neither be lost nor come twice if the run is killed. Where notices do not go to the mailbox itself, the
digests are notices like the others, derived from the conditions of the run.
"""

from collections.abc import Iterable, Sequence

from scheduled.core.conditions import Condition
from scheduled.digests import sha256
from scheduled.handlers.base import Task
from scheduled.handlers.formats import timestamps
from scheduled.handlers.formats.branches import Branch
from scheduled.handlers.formats.message import Message, identity
from scheduled.handlers.formats.text import plain
from scheduled.handlers.mail_notices import OPENED, digest
from scheduled.handlers.workspace.delivery import keep_copy, message_of
from scheduled.handlers.workspace.workspace import Workspace


class Digests:
    """The digests of a run of *task*, as messages of the mail program."""

    def __init__(self, task: Task, workspace: Workspace) -> None:
        self.task, self.workspace = task, workspace

    def belongs(self, branch: Branch) -> bool:
        """Return whether a notice to *branch* goes into its own inbox: another branch may have the same address."""
        return self.task.mailboxes and self.workspace.branch_at(branch.address) == branch

    def message(self, branch: Branch, opened: Iterable[Message], before: Iterable[Message]) -> Message | None:
        """Return the digest of the mails *opened* now and of those opened *before*; None if it is not put into this inbox."""
        if not self.belongs(branch):
            return None
        stayed = {found.key: found for found in _masked(branch, before, self.task)}
        found = {c.key: c for c in _masked(branch, opened, self.task) if c.key not in stayed}
        if not found:
            return None
        notice = digest([*found.values()], [*stayed.values()])
        stamp = timestamps.spaced(self.task.now, self.task.zone)
        return message_of(self.workspace, notice, _id(stamp, [*found]), self.task.sender, stamp)

    def keep_copy(self, branch: Branch, message: Message) -> None:
        """Put a copy of a digest into the sender's `sent/`. Raise MailboxError, or OSError if it cannot be written."""
        keep_copy(self.workspace, branch, message, self.task.now, self.task.zone)


def _id(stamp: str, keys: Sequence[str]) -> str:
    return sha256("\0".join([stamp, *keys]).encode(errors="replace")).hex()[:8]


def _masked(branch: Branch, messages: Iterable[Message], task: Task) -> Iterable[Condition]:
    return (opened_condition(branch, message, task) for message in messages)


def opened_condition(branch: Branch, message: Message, task: Task) -> Condition:
    """Return the condition of a mail that was opened automatically, without the secrets of the run."""
    payload = {
        "branch": branch.name,
        "address": branch.address,
        "id": identity(message),
        "from": task.mask(plain(message.get("from", "unknown"))),
        "subject": task.mask(plain(message.get("subject", "no subject"))),
        "timestamp": task.mask(plain(message.get("timestamp", ""))),
    }
    key = f"{OPENED}:{branch.name}"
    return Condition(key=f"{key}:{payload['id']}", group=key, payload=payload, severity="fact")
