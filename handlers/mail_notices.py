"""The notices of the handler `mail_cleanup`: a digest of opened mails, and a mailbox that cannot be used."""

from collections.abc import Mapping, Sequence
from typing import Any

from scheduled.core.conditions import Change, Condition, Notice
from scheduled.handlers.formats.text import MOST_LISTED, escaped, many, plain

# The beginnings of the groups of conditions.
OPENED, UNREADABLE, PROBLEM = "auto_opened", "unreadable_inbox", "problem"
OTHERS = "digests_sent"  # in the data of a run: the branches to which digests are sent as notices


def notices(change: Change) -> list[Notice]:
    """Return a digest of opened mails to their branch, or critical notices about a mailbox's problem."""
    if change.group == PROBLEM:
        return []  # for the user of `scheduled`: `status` and `incidents` show it
    if change.group.startswith(f"{UNREADABLE}:"):
        to = change.recipients.critical_to
        return [*(_alarm(c, to) for c in change.appeared), *(_all_clear(c, to) for c in change.gone)]
    # Data without the list is from an earlier version, in which all digests were notices.
    others = change.facts.get(OTHERS, [change.group.removeprefix(f"{OPENED}:")])
    of_another = change.group.removeprefix(f"{OPENED}:") in others
    return [digest(change.appeared, change.stayed)] if change.appeared and of_another else []


def digest(appeared: Sequence[Condition], stayed: Sequence[Condition]) -> Notice:
    """Return one notice to a branch about all mails that were opened, and those opened before that are not closed."""
    opened, was = many(len(appeared), "stale mail"), "was" if len(appeared) == 1 else "were"
    body = [
        "## Stale Mail Opened",
        f"{opened} {was} unread for too long and {was} marked as opened.",
        "Mails that stay opened are closed later and moved to deleted/.",
        "",
        *_listed(appeared),
        *(["", "### Opened Before", "", *_listed(stayed)] if stayed else []),
    ]
    return Notice(
        recipient=appeared[0].payload["address"],
        subject=f"[SCHEDULED] {opened} opened",
        body="\n".join(body),
        priority="low",
    )


def _listed(conditions: Sequence[Condition]) -> list[str]:
    listed = [_line(condition.payload) for condition in conditions[:MOST_LISTED]]
    more = len(conditions) - len(listed)
    return [*listed, *([f"- and {more} more"] if more else [])]


def _line(mail: Mapping[str, Any]) -> str:
    return f"- {escaped(mail['id'])} from {escaped(mail['from'])} ({escaped(mail['timestamp'])}): {escaped(mail['subject'])}"


def _alarm(condition: Condition, recipient: str) -> Notice:
    what = condition.payload["what"]
    body = [
        f"## Mailbox {what.title()}",
        f"Branch: {escaped(condition.payload['branch'])}",
        f"Problem: {escaped(condition.payload['problem'], 1000)}",
        "",
        "Until this is fixed, its mails are not cleaned up and may be lost. The file was not changed.",
    ]
    return Notice(
        recipient=recipient,
        subject=f"[SCHEDULED] Mailbox {what} - {plain(condition.payload['branch'])}",
        body="\n".join(body),
        priority="critical",
        upsert_key=_key(condition),
    )


def _all_clear(condition: Condition, recipient: str) -> Notice:
    branch, what = condition.payload["branch"], condition.payload["what"]
    now = "writable" if what == "not writable" else "readable"
    return Notice(
        recipient=recipient,
        subject=f"[SCHEDULED] Mailbox {now} again - {plain(branch)}",
        body=f"The mailbox of {escaped(branch)} was {what}; it is {now} again.",
        upsert_key=_key(condition),
    )


def _key(condition: Condition) -> str:
    return f"scheduled:{condition.group}"
