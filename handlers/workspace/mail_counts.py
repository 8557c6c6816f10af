"""Updates the mail program's central file of mail counts from the inboxes."""

from collections.abc import Collection, Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from scheduled.handlers.formats.branches import Branch
from scheduled.handlers.formats.json_text import MalformedError, dump, formatted, parse, style_of, written
from scheduled.handlers.formats.mailbox_files import MailboxError, read_inbox
from scheduled.handlers.formats.message import Counts, count, mails_in
from scheduled.handlers.formats.safe_files import rewrite
from scheduled.handlers.workspace.workspace import Workspace
from scheduled.state.files import Parts, write_atomically

CENTRAL = "AI_MAIL.central.json"
NOT_COUNTED = MailboxError("not counted")  # the central file keeps its numbers, as for an unreadable inbox


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

    def edited(data: bytes) -> Parts | None:
        document = parse(data)
        if not isinstance(document, dict):
            raise MalformedError("it is not a JSON object")
        wanted = recounted(document)
        return None if wanted == document else [_in_style(data, document, wanted | {"last_updated": today})]

    workspace.cache.forget(str(path))
    try:
        return rewrite(path, edited, inside=workspace.inside)
    except FileNotFoundError:
        fresh = recounted({"service": "ai_mail", "last_updated": today})
        write_atomically(path, written(fresh), inside=workspace.inside)
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


def _counted(
    workspace: Workspace, known: Mapping[str, Counts], selected: Collection[Branch | None] | None, former: Any
) -> dict[str, Counts | MailboxError | None]:
    """Return the counts of every branch's inbox. With *selected*, skip other branches that have *former* counts."""
    skippable = former if selected is not None and isinstance(former, dict) else {}
    found: dict[str, Counts | MailboxError | None] = {}
    for branch in workspace.branches:
        if branch.hosted:
            continue  # as in the mail program, which counts the branches in the registry of the workspace
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
