"""Delivers notices in the format of the workspace's mail program, and updates its central file of mail counts."""

import os
from collections.abc import Collection, Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from scheduled.core.conditions import Notice
from scheduled.handlers.formats import timestamps
from scheduled.handlers.formats.branches import Branch
from scheduled.handlers.formats.inbox import Inbox
from scheduled.handlers.formats.json_text import MalformedError, dump, formatted, parse, style_of, written
from scheduled.handlers.formats.mailbox_files import Folder, MailboxError, locked, read_inbox, update
from scheduled.handlers.formats.message import Counts, Message, count, mails_in
from scheduled.handlers.formats.safe_files import rewrite
from scheduled.handlers.workspace.workspace import Workspace
from scheduled.state.files import write_atomically

__all__ = ["MailboxError", "NoMailboxError", "UnknownRecipientError", "deliver", "recount_central"]

CENTRAL = "AI_MAIL.central.json"
NOT_COUNTED = MailboxError("not counted")  # the central file keeps its numbers, as for an unreadable inbox


class UnknownRecipientError(MailboxError, LookupError):
    """No branch of the workspace has the recipient's address."""


class NoMailboxError(MailboxError):
    """The recipient has no inbox. None is created, as in the mail program."""


def deliver(
    workspace: Workspace | Path, notice: Notice, *, notice_id: str, sender: str, now: datetime, zone: ZoneInfo
) -> None:
    """Put *notice* into its recipient's inbox, and a copy into the sender's `sent/` if the sender has a mailbox.

    The message id is the first 8 characters of *notice_id*. A second delivery with the same id does nothing, even
    if the message was read, closed or archived since. *now* is any aware datetime; *zone* is that of the message's
    naive timestamp. Raise UnknownRecipientError, NoMailboxError, or another MailboxError if the inbox is damaged or
    locked for too long; OSError if it cannot be written.
    """
    workspace = Workspace.of(workspace)
    branch = workspace.branch_at(notice.recipient)
    if branch is None:
        raise UnknownRecipientError(f"no branch has the mail address {notice.recipient}")
    message = _message(workspace, notice, notice_id[:8], sender, timestamps.spaced(now, zone))
    try:
        update(branch, workspace.inside, lambda inbox: _add(inbox, message, branch, workspace.inside))
    except (FileNotFoundError, NotADirectoryError):
        raise NoMailboxError(f"{branch.name} has no inbox ({branch.inbox} is missing)") from None
    _keep_copy(workspace, branch, message, now, zone)


def recount_central(
    workspace: Workspace | Path,
    *,
    now: datetime,
    known: Mapping[str, Counts] | None = None,
    only: Collection[str] | None = None,
) -> bool:
    """Update the counts in `AI_MAIL.central.json` from the inboxes; return whether the file was changed.

    The messages are counted, because the counters in the inboxes may be wrong. *known* gives the counts of branches
    that need not be read again. *only* limits the reading to these mail addresses, and to branches without counts in
    the file. *now* is an aware datetime in the workspace's zone. An unreadable inbox keeps its previous counts, and
    unknown keys are preserved. Raise MailboxError if the file cannot be parsed (it is then not changed),
    WorkspaceError if it is outside the workspace, OSError if it cannot be written.
    """
    workspace = Workspace.of(workspace)
    path = workspace.central_file(CENTRAL)
    selected = None if only is None else [workspace.branch_at(address) for address in only]
    today = now.date().isoformat()

    def recounted(document: dict[str, Any]) -> dict[str, Any]:
        return _recounted(document, _counted(workspace, known or {}, selected, document.get("branch_stats")))

    def edited(data: bytes) -> bytes | None:
        document = parse(data)
        if not isinstance(document, dict):
            raise MalformedError("it is not a JSON object")
        wanted = recounted(document)
        return None if wanted == document else _in_style(data, document, wanted | {"last_updated": today})

    workspace.cache.forget(str(path))
    try:
        return rewrite(path, edited, inside=workspace.inside)
    except FileNotFoundError:
        fresh = recounted({"service": "ai_mail", "last_updated": today})
        write_atomically(path, written(fresh))
        return True
    except (ValueError, RecursionError) as error:
        raise MailboxError(f"{path} cannot be parsed and was not changed: {error}") from error


def _in_style(data: bytes, document: dict[str, Any], wanted: dict[str, Any]) -> bytes:
    """Return *wanted* as JSON in the style of *data*, the text that *document* was parsed from."""
    end = b"\n" if data.endswith(b"\n") else b""
    with suppress(UnicodeEncodeError):
        # The fast encoder is used only if it reproduces the file: Python's `json` writes some numbers differently.
        if formatted(document) + end == data:
            return formatted(wanted) + end
    return dump(wanted, style_of(data.decode())).encode() + end


def _message(workspace: Workspace, notice: Notice, message_id: str, sender: str, stamp: str) -> Message:
    """Return *notice* as a message with the fields of the mail program, in its order."""
    branch = workspace.branch_at(sender)
    return {
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


def _add(inbox: Inbox, message: Message, branch: Branch, inside: str) -> bool:
    """Add *message* unless the inbox, `deleted/` or its archive has it already; return whether it was added."""
    known = message["id"], message["from"]
    if any(mail is not None and (mail.id, mail.sender) == known for mail in inbox.mails):
        return False
    if any(
        Folder(branch, name, inside).holds(message, by=("id", "from"))
        for name in ("deleted", ".archive/deleted")
    ):
        return False
    inbox.put_first(message)
    return True


def _keep_copy(workspace: Workspace, to: Branch, message: Message, now: datetime, zone: ZoneInfo) -> None:
    sender = workspace.branch_at(message["from"])
    if sender is None or not os.path.isdir(sender.mailbox):
        return
    copy = {
        "from": message["from"],
        "from_name": message["from_name"],
        "to": to.address,
        "subject": message["subject"],
        "message": message["message"],
        "timestamp": message["timestamp"],
        "status": "sent",
    }
    with locked(sender, workspace.inside):  # another tick may deliver the same notice
        if any(
            Folder(sender, name, workspace.inside).has_named(message) for name in ("sent", ".archive/sent")
        ):
            return
        folder = Folder(sender, "sent", workspace.inside)
        folder.put(message, copy, now, zone, escaped=True)
        folder.settle()


def _counted(
    workspace: Workspace, known: Mapping[str, Counts], selected: Collection[Branch | None] | None, former: Any
) -> dict[str, Counts | MailboxError | None]:
    """Return the counts of every branch's inbox. With *selected*, skip other branches that have *former* counts."""
    skippable = former if selected is not None and isinstance(former, dict) else {}
    found: dict[str, Counts | MailboxError | None] = {}
    for branch in workspace.branches:
        name, wanted = branch.name.upper(), branch in (selected or ())
        if isinstance(skippable.get(name), dict) and not wanted:
            found[name] = NOT_COUNTED
        else:
            found[name] = known.get(branch.name) or _counts(branch, workspace, changed=wanted)
    return found


def _counts(branch: Branch, workspace: Workspace, *, changed: bool) -> Counts | MailboxError | None:
    """Return the counts of a branch's inbox, None if it has no inbox, or the error if it cannot be read.

    An inbox *changed* a moment ago is counted directly, because the cache does not save the index of so recent a file.
    """
    try:
        if changed:
            return read_inbox(branch, workspace.inside, lambda data: count(mails_in(data)))
        index = workspace.cache.inbox(branch, workspace.inside)
    except MailboxError as error:
        return error
    return None if index is None else index.counts


def _recounted(
    document: Mapping[str, Any], counts: Mapping[str, Counts | MailboxError | None]
) -> dict[str, Any]:
    """Return *document* with the given *counts*; existing branches and keys keep their order."""
    before = document.get("branch_stats")
    before = before if isinstance(before, dict) else {}
    stats: dict[str, Any] = {}
    for name in dict.fromkeys([*(name for name in before if name in counts), *counts]):
        former = before.get(name)
        former = former if isinstance(former, dict) else {}
        match counts[name]:
            case Counts(total=total, unread=unread):
                stats[name] = former | {"unread": unread, "total": total}
            case MailboxError() if former:
                stats[name] = former
    totals = document.get("system_totals")
    sums = {"total_unread": _sum(stats, "unread"), "total_messages": _sum(stats, "total")}
    totals = (totals if isinstance(totals, dict) else {}) | sums
    return dict(document) | {"branch_stats": stats, "system_totals": totals}


def _sum(stats: Mapping[str, Any], key: str) -> int:
    total = 0
    for entry in stats.values():
        with suppress(TypeError):
            total += entry.get(key, 0)
    return total
