"""An inbox file's text, edited without touching the rest, whatever shape it has."""

from collections.abc import Callable
from functools import cached_property
from itertools import pairwise
from typing import Any

import msgspec

from scheduled.handlers.jsontext import (
    Habit,
    Span,
    dump,
    elements,
    habit_of,
    in_ascii,
    line_start,
    members,
    parse,
    splice,
    top,
)
from scheduled.handlers.mail import Counts, Mail, Message, count, mail_of, mails_in, messages_in

# How the mail program lays out its list: where a file is just so, nothing of it need be looked at piece by piece.
OPENING, BETWEEN, CLOSING = b'"messages": [\n    ', b",\n    ", b"\n  ]"
HOLE = "\0"  # stands in no JSON text


class Entry:
    """One element of the list of messages, at *place* in the file's (None: it is new)."""

    __slots__ = ("_read", "_value", "changed", "mail", "place")

    def __init__(self, mail: Mail | None, place: int | None, read: Callable[[int], Any]) -> None:
        self.mail, self.place, self.changed = mail, place, place is None
        self._read, self._value = read, None

    @classmethod
    def new(cls, message: Message) -> "Entry":
        """Return an entry that is not in the file."""
        return cls(mail_of(message), None, lambda _: message)

    @property
    def value(self) -> Any:
        """The whole message (or what there is in a message's place)."""
        if self._value is None:
            self._value = self._read(-1 if self.place is None else self.place)
        return self._value

    def change(self, **fields: Any) -> None:
        """Set *fields* of the message; those it has keep their place, others come last."""
        self.value.update(fields)
        self.mail, self.changed = mail_of(self.value), True


class Inbox:
    """An inbox file's text with its messages as *entries*, newest first, to be changed, taken out or put in."""

    def __init__(self, data: bytes) -> None:
        """Read *data*; ValueError if it is no inbox."""
        self.data = data
        read = self._message
        self.entries = [Entry(mail, place, read) for place, mail in enumerate(mails_in(data))]

    def counts(self) -> Counts:
        """Return the counts that belong to the entries as they are now."""
        return count([entry.mail for entry in self.entries])

    def put_first(self, message: Message) -> None:
        """Add *message* as the newest."""
        self.entries.insert(0, Entry.new(message))

    def render(self) -> bytes:
        """Return the file with the changes made and the counters right; older shapes become today's."""
        if (shell := self._shell()) is not None:
            return self._refilled(shell)
        text = self.data.decode()
        habit = habit_of(text)
        at = top(text)
        spans = members(text, at)[0] if text[at] == "{" else {}
        if "messages" not in spans:
            return self._migrated(text, habit).encode()
        return self._in_place(text, habit, spans, self._list_text(text, habit, spans["messages"])).encode()

    def _message(self, place: int) -> Any:
        if self._pieces:
            return parse(self._pieces[place])
        return messages_in(self._document)[place]

    @cached_property
    def _document(self) -> Any:
        return parse(self.data)

    @cached_property
    def _pieces(self) -> list[bytes]:
        """The text of each message; none where it takes Python's own parser to read the file."""
        try:
            return list(map(bytes, msgspec.json.decode(self.data, type=_File).messages))
        except (msgspec.DecodeError, RecursionError):
            return []

    def _shell(self) -> str | None:
        """Return the file without its messages, if these are laid out as the mail program does it."""
        if not self._pieces or b"\r" in self.data:
            return None
        body = BETWEEN.join(self._pieces)
        at = self.data.find(OPENING)
        start = at + len(OPENING)
        end = start + len(body)
        if at < 0 or not (self.data.startswith(body, start) and self.data.startswith(CLOSING, end)):
            return None
        shell = self.data[:at] + b'"messages": []' + self.data[end + len(CLOSING) :]
        document = parse(shell)
        return shell.decode() if isinstance(document, dict) and document.get("messages") == [] else None

    def _refilled(self, shell: str) -> bytes:
        """Return the *shell* with its counters right and the messages in it, the unchanged ones in their own bytes."""
        sample = shell.replace('"messages": []', f'"messages": [\n    {self._pieces[0].decode()}\n  ]', 1)
        habit = habit_of(sample)._replace(ascii=in_ascii(self.data))
        spans, _ = members(shell, top(shell))
        head, tail = self._in_place(shell, habit, spans, HOLE).split(HOLE)
        if not self.entries:
            return f"{head}[]{tail}".encode()
        body = BETWEEN.join([self._piece(entry, habit) for entry in self.entries])
        return b"".join([head.encode(), b"[\n    ", body, CLOSING, tail.encode()])

    def _piece(self, entry: Entry, habit: Habit) -> bytes:
        if entry.changed or entry.place is None:
            return dump(entry.value, habit, 2).encode()
        return self._pieces[entry.place]

    def _in_place(self, text: str, habit: Habit, spans: dict[str, Span], messages: str) -> str:
        edits = [(spans["messages"], messages)]
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
        kept = self._document if isinstance(self._document, dict) else {}
        document = {key: value for key, value in kept.items() if key != "inbox"}
        document["messages"] = [entry.value for entry in self.entries]
        head = self._head()
        document |= head | ({"mailbox": kept["mailbox"]} if "mailbox" in kept else {})
        return dump(document, habit) + ("\n" if text.endswith("\n") else "")


class _File(msgspec.Struct):
    messages: list[msgspec.Raw]
