"""Delivers notices in the format of the workspace's mail program."""

import os
from collections.abc import Callable
from contextlib import nullcontext
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from scheduled.core.conditions import Notice
from scheduled.handlers.formats import timestamps
from scheduled.handlers.formats.branches import Branch
from scheduled.handlers.formats.inbox import Inbox
from scheduled.handlers.formats.mailbox_files import Folder, MailboxError, locked, update
from scheduled.handlers.formats.message import Counts, Message
from scheduled.handlers.workspace.provision import provide_mailbox
from scheduled.handlers.workspace.workspace import Workspace

__all__ = ["MailboxError", "NoMailboxError", "UnknownRecipientError", "deliver", "keep_copy", "message_of"]


class UnknownRecipientError(MailboxError, LookupError):
    """No branch of the workspace has the recipient's address.

    *final*: all entries of the registries could be read, so that a retry does not help.
    """

    def __init__(self, message: str, *, final: bool = True) -> None:
        super().__init__(message)
        self.final = final


class NoMailboxError(MailboxError):
    """The recipient has no inbox, and the mail program of this form of workspace creates none."""


def deliver(
    workspace: Workspace | Path,
    notice: Notice,
    *,
    notice_id: str,
    sender: str,
    now: datetime,
    zone: ZoneInfo,
    delivered: bool = False,
    on_delivered: Callable[[], None] = lambda: None,
) -> Counts | None:
    """Put *notice* into its recipient's inbox, and a copy into the sender's `sent/` if the sender has a mailbox.

    The message id is the first 8 characters of *notice_id*. A second delivery with the same id does nothing while the
    message is in the inbox, in `deleted/` or in its archive. With an `upsert_key`, an unread message with this key gets
    the new text instead. *delivered*: the notice is known to have reached the inbox, and only the copy may be missing;
    *on_delivered* is called as soon as it has. Return the counts of the inbox, None if it was not read. *now* is any aware datetime; *zone* is that of the message's naive timestamp. Raise
    UnknownRecipientError, NoMailboxError, or another MailboxError if the inbox is damaged or locked for too long; OSError
    if it cannot be written.
    """
    workspace = Workspace.of(workspace)
    branch = workspace.branch_at(notice.recipient)
    if branch is None:
        raise UnknownRecipientError(
            f"no branch has the mail address {notice.recipient}", final=workspace.is_complete
        )
    message = message_of(workspace, notice, notice_id[:8], sender, timestamps.spaced(now, zone))
    counts = None
    if not delivered:
        counts = _put(workspace, branch, message)
        on_delivered()
    keep_copy(workspace, branch, message, now, zone)
    return counts


def _put(workspace: Workspace, branch: Branch, message: Message) -> Counts | None:
    """Put *message* into an inbox, which is created if the form of the workspace wants that; return its counts."""
    counts: list[Counts] = []

    def edit(inbox: Inbox) -> bool:
        changed = _add(inbox, message, branch, workspace.inside)
        counts[:] = [inbox.counts()]
        return changed

    for provided in (False, True):
        try:
            update(branch, workspace.inside, edit, patience=workspace.patience)
        except (FileNotFoundError, NotADirectoryError):
            if provided or not provide_mailbox(branch, workspace.inside):
                raise NoMailboxError(f"{branch.name} has no inbox ({branch.inbox} is missing)") from None
        else:
            break
    return counts[0] if counts else None


def message_of(workspace: Workspace, notice: Notice, message_id: str, sender: str, stamp: str) -> Message:
    """Return *notice* as a message with the fields of the mail program, in its order."""
    branch = workspace.branch_at(sender)
    message = {
        "id": message_id,
        "timestamp": stamp,
        "from": sender,
        "from_name": branch.name if branch else sender.lstrip("@").upper(),
        "subject": notice.subject,
        "message": notice.body,
        "status": "new",
        "auto_execute": False,
        "priority": notice.priority,
    }
    if workspace.form.sent_id:
        message["sent_id"] = message_id
    return message | ({"upsert_key": notice.upsert_key, "updates": 1} if notice.upsert_key else {})


def _add(inbox: Inbox, message: Message, branch: Branch, inside: str) -> bool:
    """Add *message* unless the mailbox has it already; return whether the inbox was changed."""
    if _is_in(inbox, message) or _is_archived(message, branch, inside):
        return False
    place = _unread_with_key(inbox, message)
    if place is None:
        inbox.put_first(message)
    else:
        _replace(inbox, place, message)
    return True


def _is_in(inbox: Inbox, message: Message) -> bool:
    known, sender = message["id"], message["from"]
    same = [mail for mail in inbox.mails if mail is not None and known in (mail.id, mail.sent_id)]
    return any(mail.sender == sender for mail in same)


def _is_archived(message: Message, branch: Branch, inside: str) -> bool:
    traced = {**message, "sent_id": message["id"]}
    folders = [Folder(branch, name, inside) for name in branch.form.archives]
    return any(folder.holds(traced, by=(key, "from")) for folder in folders for key in ("id", "sent_id"))


def _unread_with_key(inbox: Inbox, message: Message) -> int | None:
    """Return the place of the unread mail that *message* replaces. One that was opened stays as its reader knows it."""
    key = message.get("upsert_key")
    if key is None:
        return None
    unread = (
        place
        for place in inbox.places()
        if (mail := inbox.mails[place]) is not None and mail.unread and mail.sender == message["from"]
    )
    return next((place for place in unread if inbox.message(place).get("upsert_key") == key), None)


def _replace(inbox: Inbox, place: int, message: Message) -> None:
    """Give the mail at *place* the text of *message*, as the mail program of the later form does."""
    updates = inbox.message(place).get("updates")
    inbox.change(
        place,
        subject=message["subject"],
        message=message["message"],
        priority=message["priority"],
        last_updated=message["timestamp"],
        updates=_counter(updates) + 1,
        auto_execute=False,
        sent_id=message["id"],
    )


def _counter(value: Any) -> int:
    """Return the number of updates that a mail states; 1 if it states none, as in the mail program."""
    try:
        return max(int(value), 1)
    except (TypeError, ValueError, OverflowError):
        return 1


def keep_copy(
    workspace: Workspace,
    to: Branch,
    message: Message,
    now: datetime,
    zone: ZoneInfo,
    *,
    held: Branch | None = None,
) -> None:
    """Put a copy of *message* into the sender's `sent/`, unless it is there or the sender has no mailbox.

    The lock of the mailbox of *held* is held already. Raise MailboxError, or OSError if it cannot be written.
    """
    sender = workspace.branch_at(message["from"])
    if sender is None or not os.path.isdir(sender.mailbox):
        return
    copy: Message = {"id": message["id"]} if workspace.form.sent_id else {}
    copy |= {
        "from": message["from"],
        "from_name": message["from_name"],
        "to": to.address,
        "subject": message["subject"],
        "message": message["message"],
        "timestamp": message["timestamp"],
        "status": "sent",
    }
    # Another tick may deliver the same notice.
    with nullcontext() if sender == held else locked(sender, workspace.inside, workspace.patience):
        if any(
            Folder(sender, name.replace("deleted", "sent"), workspace.inside).has_named(message)
            for name in sender.form.archives
        ):
            return
        folder = Folder(sender, "sent", workspace.inside)
        folder.put(message, copy, now, zone, escaped=True)
        folder.settle()
