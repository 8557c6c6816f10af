"""What is done with mail: deliver a notice as the workspace's own mail program would, and keep its totals."""

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
from scheduled.handlers.formats.json_text import MalformedError, dump, formatted, habit_of, parse, written
from scheduled.handlers.formats.mailbox_files import Folder, MailboxError, locked, read_inbox, update
from scheduled.handlers.formats.message import Counts, Message, count, mails_in
from scheduled.handlers.formats.safe_files import rewrite
from scheduled.handlers.workspace.workspace import Workspace
from scheduled.state.files import write_atomically

__all__ = ["MailboxError", "NoMailboxError", "UnknownRecipientError", "deliver", "recount_central"]

CENTRAL = "AI_MAIL.central.json"
NOT_ASKED = MailboxError("nobody has asked")  # the former numbers stay, as of an inbox that can't be read


class UnknownRecipientError(MailboxError, LookupError):
    """No branch of the workspace has the recipient's address."""


class NoMailboxError(MailboxError):
    """The recipient has no inbox: one is never made for it, as the mail program doesn't either."""


def deliver(
    workspace: Workspace | Path, notice: Notice, *, notice_id: str, sender: str, now: datetime, zone: ZoneInfo
) -> None:
    """Put *notice* into its recipient's inbox, and a copy into the sender's `sent/` if that mailbox exists.

    The message id is the first 8 characters of *notice_id*: a second delivery is recognised, also when the
    first one was read, closed or archived meanwhile, and does nothing. Raise UnknownRecipientError,
    NoMailboxError or (damaged, or held for too long) another MailboxError; OSError if it can't be written.
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
    """Make `AI_MAIL.central.json` say what the inboxes hold; return whether that had to change it.

    The messages are counted, not the counters copied; *known* spares reading the inboxes of those branches, *only*
    (mail addresses) all others, as far as there are numbers of theirs. *now* is in the workspace's zone. Of an inbox
    that can't be read the former numbers stay. Keys that are not ours stay, and so does the file if all is right.
    Raise MailboxError, with the file left as it is, if it can't be parsed.
    """
    workspace = Workspace.of(workspace)
    path = workspace.central_file(CENTRAL)
    asked = None if only is None else [workspace.branch_at(address) for address in only]
    today = now.date().isoformat()

    def recounted(document: dict[str, Any]) -> dict[str, Any]:
        return _recounted(document, _counted(workspace, known or {}, asked, document.get("branch_stats")))

    def edited(data: bytes) -> bytes | None:
        document = parse(data)
        if not isinstance(document, dict):
            raise MalformedError("it is no table")
        wanted = recounted(document)
        return None if wanted == document else _as_before(data, document, wanted | {"last_updated": today})

    workspace.cache.forget(str(path))
    try:
        return rewrite(path, edited, inside=workspace.inside)
    except FileNotFoundError:
        fresh = recounted({"service": "ai_mail", "last_updated": today})
        write_atomically(path, written(fresh))
        return True
    except (ValueError, RecursionError) as error:
        raise MailboxError(f"{path} can't be parsed, and was left as it is: {error}") from error


def _as_before(data: bytes, document: dict[str, Any], wanted: dict[str, Any]) -> bytes:
    """Return *wanted* in the habits of *data*, the file that said *document*."""
    end = b"\n" if data.endswith(b"\n") else b""
    with suppress(UnicodeEncodeError):
        # Not where Python's own has spelled anything otherwise, be it a number.
        if formatted(document) + end == data:
            return formatted(wanted) + end
    return dump(wanted, habit_of(data.decode())).encode() + end


def _message(workspace: Workspace, notice: Notice, message_id: str, sender: str, stamp: str) -> Message:
    """Return *notice* as the mail program writes a message, field by field in its order."""
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
    """Add *message* unless it was delivered before, wherever it has been put since."""
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
    with locked(sender, workspace.inside):  # another tick may be delivering the same
        if any(
            Folder(sender, name, workspace.inside).has_named(message) for name in ("sent", ".archive/sent")
        ):
            return
        folder = Folder(sender, "sent", workspace.inside)
        folder.put(message, copy, now, zone, escaped=True)
        folder.settle()


def _counted(
    workspace: Workspace, known: Mapping[str, Counts], asked: Collection[Branch | None] | None, former: Any
) -> dict[str, Counts | MailboxError | None]:
    """Return the counts of every branch's inbox; of those *asked* only, where the others have *former* ones."""
    spared = former if asked is not None and isinstance(former, dict) else {}
    found: dict[str, Counts | MailboxError | None] = {}
    for branch in workspace.branches:
        name, wanted = branch.name.upper(), branch in (asked or ())
        if isinstance(spared.get(name), dict) and not wanted:
            found[name] = NOT_ASKED
        else:
            found[name] = known.get(branch.name) or _counts(branch, workspace, changed=wanted)
    return found


def _counts(branch: Branch, workspace: Workspace, *, changed: bool) -> Counts | MailboxError | None:
    """Return the counts of a branch's inbox; None if it has none, the trouble if it can't be read.

    Of one that was *changed* a moment ago nothing can be known: its mails are counted, and the cache is not asked.
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
    """Return *document* with the numbers of *counts*; branches and keys it has stay in their order."""
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
