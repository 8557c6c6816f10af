"""Conditions, what changed in them, and the notices that tell of it."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

import msgspec

Priority = Literal["low", "normal", "high", "critical"]


class Condition(msgspec.Struct, frozen=True, kw_only=True):
    """Something that is true now. The runner compares with last time and decides what to make of it.

    *key* names it for as long as it lasts (no counts or times in it); *group* gathers what one notice
    tells together; *event*, if given, is published with *payload* once, when the condition appears.
    """

    key: str
    group: str
    payload: dict[str, Any] = {}
    event: str | None = None


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """A message to one *recipient* (a branch's mail address such as `@flow`)."""

    recipient: str
    subject: str
    body: str
    priority: Priority = "normal"


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one group of conditions since the last time; each condition is in one list only.

    `notices` is asked only where *appeared* or *gone* holds something. *facts* is the `data` of the
    outcome that brought the change; *now* is in the workspace's zone.
    """

    group: str
    appeared: Sequence[Condition]
    stayed: Sequence[Condition]
    gone: Sequence[Condition]
    facts: Mapping[str, Any]
    now: datetime
