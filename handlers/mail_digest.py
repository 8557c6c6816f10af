"""Digests of opened mails, which are put into an inbox by the write that opens the mails.

So a digest can neither be lost nor come twice if the run is killed. Where notices do not go to the mailbox itself, the
digests are notices like the others, derived from the conditions of the run.
"""

from collections.abc import Iterator, Sequence

from scheduled.core.conditions import Condition
from scheduled.digests import sha256
from scheduled.handlers.base import Task
from scheduled.handlers.formats import timestamps
from scheduled.handlers.formats.branches import Branch
from scheduled.handlers.formats.mailbox_files import MailboxError
from scheduled.handlers.formats.message import Message, identity
from scheduled.handlers.formats.text import plain
from scheduled.handlers.mail_notices import OPENED, digest
from scheduled.handlers.workspace.delivery import keep_copy, message_of
from scheduled.handlers.workspace.workspace import Workspace


class Digests:
    """The digests of a run of *task*, as messages of the mail program. *problems* are copies that could not be written."""

    def __init__(self, task: Task, workspace: Workspace) -> None:
        self.task, self.workspace = task, workspace
        self.problems: list[str] = []

    def belongs(self, branch: Branch) -> bool:
        """Return whether a notice to *branch* goes into its own inbox: another branch may have the same address."""
        return self.task.mailboxes and self.workspace.branch_at(branch.address) == branch

    def message(self, branch: Branch, opened: Sequence[Message], before: Sequence[Message]) -> Message | None:
        """Return the digest of the mails that will be *opened* and those opened *before*, after keeping a copy of it.

        Return None if it does not belong into this inbox, which is locked.
        """
        if not self.belongs(branch):
            return None
        stayed = {found.key: found for found in self._conditions(branch, before)}
        found = {c.key: c for c in self._conditions(branch, opened) if c.key not in stayed}
        if not found:
            return None
        notice = digest([*found.values()], [*stayed.values()])
        stamp = timestamps.spaced(self.task.now, self.task.zone)
        message = message_of(self.workspace, notice, _id(branch, opened), self.task.sender, stamp)
        self._keep_copy(branch, message)
        return message

    def _conditions(self, branch: Branch, messages: Sequence[Message]) -> Iterator[Condition]:
        return (opened_condition(branch, message, self.task) for message in messages)

    def _keep_copy(self, branch: Branch, message: Message) -> None:
        """Put a copy of a digest into the sender's `sent/`: before the inbox is written, so that a kill does not lose it.

        Raise OSError if the copy can't be written: the inbox is not written then, and the run fails. What is no folder, or no
        mailbox, becomes a problem.
        """
        now, zone = self.task.now, self.task.zone
        try:
            keep_copy(self.workspace, branch, message, now, zone, held=branch)
        except (MailboxError, NotADirectoryError, IsADirectoryError) as error:
            problem = f"the notice to {branch.name} has no copy in the mailbox of its sender: {error}"
            if problem not in self.problems:  # the write is repeated if another program changes the inbox
                self.problems.append(problem)


def _id(branch: Branch, opened: Sequence[Message]) -> str:
    """Return the id of a digest. If a run is killed, the next one gives the digest of the same mails the same id."""
    mails = (
        f"{identity(mail)} {mail.get('auto_opened_at')}" for mail in opened
    )  # opened again, it is another digest
    return sha256("\0".join([branch.name, *mails]).encode(errors="replace")).hex()[:8]


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
