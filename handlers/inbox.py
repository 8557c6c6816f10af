"""What an inbox file says, in all the shapes it has had, and how it is edited without touching the rest."""

import json
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

from scheduled.handlers.jsontext import (
    Habit,
    MalformedError,
    Span,
    dump,
    elements,
    habit_of,
    line_start,
    members,
    parse,
    splice,
    top,
)

Message = dict[str, Any]
UNCHANGING = ("id", "from", "subject", "timestamp", "message")  # whatever becomes of a mail's status


class Counts(NamedTuple):
    """How many messages lie in an inbox, and how many of them are unread."""

    total: int
    unread: int


class Entry:
    """One element of the list of messages: its *value*, and its *place* in the file's list (None: it is new)."""

    __slots__ = ("changed", "place", "value")

    def __init__(self, value: Any, place: int | None = None) -> None:
        self.value, self.place, self.changed = value, place, place is None

    def change(self, **fields: Any) -> None:
        """Set *fields* of the message; those it has keep their place, others come last."""
        self.value.update(fields)
        self.changed = True


def messages_in(document: Any) -> list[Any]:
    """Return the messages of a parsed inbox of whatever shape; ValueError if it is none."""
    if isinstance(document, list):
        return document
    if not isinstance(document, dict):
        raise MalformedError("it is no inbox")
    messages = document.get("messages", document.get("inbox", []))
    if not isinstance(messages, list):
        raise MalformedError("its messages are no list")
    return messages


def identity(message: Message) -> str:
    """Return what tells *message* from others: its id, or a digest of what never changes of it."""
    if (given := message.get("id")) is not None:
        return str(given)
    from hashlib import sha256

    said = json.dumps([message.get(key) for key in UNCHANGING])
    return sha256(said.encode()).hexdigest()[:8]


def is_unread(message: Any) -> bool:
    """Tell whether *message* is unread, by the mail program's rule (older ones have `read`, no `status`)."""
    if not isinstance(message, dict):
        return False
    status = message.get("status")
    return status == "new" or (status is None and not message.get("read", False))


def count(messages: Sequence[Any]) -> Counts:
    """Return the counts that belong to *messages*."""
    return Counts(len(messages), sum(map(is_unread, messages)))


class Inbox:
    """An inbox file's text with its messages as *entries*, newest first, to be changed, taken out or put in."""

    def __init__(self, data: bytes) -> None:
        """Read *data*; ValueError if it is no inbox."""
        self.document = parse(data)
        self.entries = [Entry(value, place) for place, value in enumerate(messages_in(self.document))]
        self.data = data

    def counts(self) -> Counts:
        """Return the counts that belong to the entries as they are now."""
        return count([entry.value for entry in self.entries])

    def put_first(self, message: Message) -> None:
        """Add *message* as the newest."""
        self.entries.insert(0, Entry(message))

    def render(self) -> bytes:
        """Return the file with the changes made and the counters right; older shapes become today's."""
        text = self.data.decode()
        habit = habit_of(text)
        at = top(text)
        spans = members(text, at)[0] if text[at] == "{" else {}
        edited = self._in_place(text, habit, spans) if "messages" in spans else self._migrated(text, habit)
        return edited.encode()

    def _in_place(self, text: str, habit: Habit, spans: dict[str, Span]) -> str:
        edits = [(spans["messages"], self._list_text(text, habit, spans["messages"]))]
        missing = ""
        for key, value in self._head().items():
            said = dump(value, habit)
            if key not in spans:
                missing += f"{habit.comma}{line_start(habit, 1)}{dump(key, habit)}{habit.colon}{said}"
            elif key != "mailbox":
                edits.append((spans[key], said))
        last = max(span.end for span in spans.values())
        return splice(text, [*edits, (Span(last, last), missing)])

    def _head(self) -> dict[str, Any]:
        counts = self.counts()
        return {"mailbox": "inbox", "total_messages": counts.total, "unread_count": counts.unread}

    def _list_text(self, text: str, habit: Habit, where: Span) -> str:
        """Return the list of messages: entries that nobody changed in their own bytes, spacing included."""
        if not self.entries:
            return "[]"
        spans, _ = elements(text, *where)
        leads = [text[before.end : span.start] for before, span in pairwise(spans)]
        first = text[where.start + 1 : spans[0].start] if spans else line_start(habit, 2)
        tail = text[spans[-1].end : where.end - 1] if spans else line_start(habit, 1)
        between = leads[0] if leads else habit.comma + first
        pieces = ["[", first]
        for number, entry in enumerate(self.entries):
            if number:
                pieces.append(leads[entry.place - 1] if entry.place else between)
            span = None if entry.changed or entry.place is None else spans[entry.place]
            pieces.append(text[span.start : span.end] if span else dump(entry.value, habit, 2))
        return "".join([*pieces, tail, "]"])

    def _migrated(self, text: str, habit: Habit) -> str:
        """Return a list of messages, or one under `inbox`, as the mail program itself migrates them."""
        kept = self.document if isinstance(self.document, dict) else {}
        document = {key: value for key, value in kept.items() if key != "inbox"}
        document["messages"] = [entry.value for entry in self.entries]
        head = self._head()
        document |= head | ({"mailbox": kept["mailbox"]} if "mailbox" in kept else {})
        return dump(document, habit) + ("\n" if text.endswith("\n") else "")
