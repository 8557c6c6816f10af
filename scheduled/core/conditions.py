"""Conditions, the changes in a group of conditions, and the notices about them."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

import msgspec

Priority = Literal["low", "normal", "high", "critical"]
Severity = Literal["fact", "warning", "error"]
FOOTER_COMMAND = "scheduled status"


class Condition(msgspec.Struct, frozen=True, kw_only=True):
    """Something that is true now, found by a handler or the engine.

    *key* identifies the condition for as long as it lasts, so it must not contain counts or times. Conditions
    of the same *group* share one notice. *event*, if given, is published once with *payload* when the
    condition appears. *severity*: a fact needs no attention and is no incident, an error makes `status`
    unhealthy.
    """

    key: str
    group: str
    payload: dict[str, Any] = {}
    event: str | None = None
    severity: Severity = "warning"


class Recipients(msgspec.Struct, frozen=True, kw_only=True):
    """The mail addresses that get the notices that concern no single branch.

    *assistant* gets those of the health check, *reports_to* the daily report, *critical_to* those about problems outside
    a branch, such as a mailbox that cannot be read.
    """

    assistant: str = "@assistant"
    reports_to: str = "@dev_central"
    critical_to: str = "@dev_central"


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """A message to one *recipient*: the mail address of a branch, for example `@flow`, or the name of a channel.

    *upsert_key*: it replaces the text of an unread notice with the same key in the recipient's mailbox. *kind* is what it
    is about, for example `incident` or `recovery`, *job* and *target* are what it concerns. *output* has the last lines of
    the output, *link* is the page of the run. *verdict* is one word, for example `failed`.
    """

    recipient: str
    subject: str
    body: str
    priority: Priority = "normal"
    upsert_key: str = ""
    kind: str = ""
    job: str = ""
    target: str = ""
    output: str = ""
    link: str = ""
    verdict: str = ""


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """How one group of conditions changed since the last check. Each condition is in exactly one list.

    A handler's `notices` is called only if *appeared* or *gone* is not empty. *facts* is the `data` of the
    outcome that caused the change. *now* is an aware datetime in the workspace's zone. *recipients* get the notices
    that concern no single branch; *footer_command* is the command that notices name for details.
    """

    group: str
    appeared: Sequence[Condition]
    stayed: Sequence[Condition]
    gone: Sequence[Condition]
    facts: Mapping[str, Any]
    now: datetime
    recipients: Recipients = Recipients()
    footer_command: str = FOOTER_COMMAND


def is_mailbox(recipient: str) -> bool:
    """Return whether *recipient* is the mail address of a branch, and not the name of a channel."""
    return recipient.startswith("@")


def in_words(condition: Condition) -> str:
    """Return a condition as a text for people: what its payload states, otherwise its file or key, and the numbers in it."""
    payload = condition.payload
    found = next((str(payload[name]) for name in ("text", "problem", "line") if payload.get(name)), "")
    if not found and payload.get("file_name") and payload.get("excess"):
        found = f"{payload['file_name']} has {payload['excess']} (threshold: {payload['threshold']:,})"
    if not found and payload.get("file_name"):
        found = _with_numbers(str(payload["file_name"]), payload)
    if not found:
        return _with_numbers(condition.key.replace(":", " ").replace("_", " "), payload)
    branch = str(payload.get("branch", ""))
    return found if found.upper().startswith(branch.upper()) else f"{branch}: {found}"


def _with_numbers(subject: str, payload: Mapping[str, Any]) -> str:
    numbers = [
        f"{name.replace('_', ' ')} {value}" for name, value in payload.items() if type(value) in (int, float)
    ]
    return f"{subject}: {', '.join(numbers)}" if numbers else subject
