"""What an inbox file says, in all the shapes it has had, and how it is edited without touching the rest."""

import json
from collections.abc import Sequence
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
    """One element of the list of messages: its *value*, and its text while nobody changed it."""

    __slots__ = ("lead", "text", "value")

    def __init__(self, value: Any, text: str | None = None, lead: str | None = None) -> None:
        self.value, self.text, self.lead = value, text, lead

    def change(self, **fields: Any) -> None:
        """Set *fields* of the message; those it has keep their place, others come last."""
        self.value.update(fields)
        self.text = None


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
        self.messages = messages_in(self.document)
        self.text = data.decode()
        self.habit: Habit = habit_of(self.text)
        self.spans, self.list_span = _find_list(self.text)
        self.entries = self._find_entries()

    def counts(self) -> Counts:
        """Return the counts that belong to the entries as they are now."""
        return count([entry.value for entry in self.entries])

    def put_first(self, message: Message) -> None:
        """Add *message* as the newest."""
        self.entries.insert(0, Entry(message))

    def render(self) -> bytes:
        """Return the file with the changes made and the counters right; older shapes become today's."""
        text = self._in_place() if "messages" in self.spans else self._migrated()
        return text.encode()

    def _find_entries(self) -> list[Entry]:
        """Return the entries; keep what stands before the first, between two and after the last."""
        comma = self.habit.comma
        self.first, self.tail = line_start(self.habit, 2), line_start(self.habit, 1)
        self.between = comma + self.first
        if self.list_span is None:
            return []
        entries: list[Entry] = []
        start, end = self.list_span
        spans, _ = elements(self.text, start, end)
        end = start + 1
        for value, span in zip(self.messages, spans, strict=True):
            lead = self.text[end : span.start]
            entries.append(Entry(value, self.text[span.start : span.end], lead if entries else None))
            if len(entries) == 1:
                self.first, self.between = lead, comma + lead
            elif len(entries) == 2:  # noqa: PLR2004 - the second shows what stands between two
                self.between = lead
            end = span.end
        if entries:
            self.tail = self.text[end : self.list_span.end - 1]
        return entries

    def _in_place(self) -> str:
        edits = [(self.spans["messages"], self._list_text())]
        missing = ""
        for key, value in self._head().items():
            text = dump(value, self.habit)
            if key not in self.spans:
                missing += f"{self.habit.comma}{line_start(self.habit, 1)}{dump(key, self.habit)}{self.habit.colon}{text}"
            elif key != "mailbox":
                edits.append((self.spans[key], text))
        last = max(span.end for span in self.spans.values())
        return splice(self.text, [*edits, (Span(last, last), missing)])

    def _head(self) -> dict[str, Any]:
        counts = self.counts()
        return {"mailbox": "inbox", "total_messages": counts.total, "unread_count": counts.unread}

    def _list_text(self) -> str:
        """Return the list of messages: entries that nobody changed in their own bytes, spacing included."""
        if not self.entries:
            return "[]"
        pieces = ["["]
        for number, entry in enumerate(self.entries):
            pieces.append((entry.lead or self.between) if number else self.first)
            pieces.append(dump(entry.value, self.habit, 2) if entry.text is None else entry.text)
        return "".join([*pieces, self.tail, "]"])

    def _migrated(self) -> str:
        """Return a list of messages, or one under `inbox`, as the mail program itself migrates them."""
        kept = self.document if isinstance(self.document, dict) else {}
        document = {key: value for key, value in kept.items() if key != "inbox"}
        document["messages"] = [entry.value for entry in self.entries]
        head = self._head()
        document |= head | ({"mailbox": kept["mailbox"]} if "mailbox" in kept else {})
        return dump(document, self.habit) + ("\n" if self.text.endswith("\n") else "")


def _find_list(text: str) -> tuple[dict[str, Span], Span | None]:
    """Return the spans of the members, if it is an object, and of the list of messages in an inbox's text."""
    at = top(text)
    if text[at] == "[":
        end = elements(text, at)[1]
        return {}, Span(at, end)
    spans, _ = members(text, at)
    return spans, spans.get("messages", spans.get("inbox"))
