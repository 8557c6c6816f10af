"""An inbox file's text, edited without touching the rest, whatever shape it has."""

from collections.abc import Callable, Iterator
from functools import cached_property
from itertools import accumulate, pairwise
from typing import Any, NamedTuple

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


class Shell(NamedTuple):
    """The file's *text* without its messages, which were listed *at* there, and where each *starts* in the file.

    The last of *starts* is where one more would.
    """

    text: str
    at: int
    starts: list[int]


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
        if (shell := self._shell()) is not None and (refilled := self._refilled(shell)) is not None:
            return refilled
        text = self.data.decode()
        habit = habit_of(text)
        at = top(text)
        spans = members(text, at)[0] if text[at] == "{" else {}
        if "messages" not in spans:
            return self._migrated(text, habit).encode()
        return self._in_place(text, habit, spans, self._list_text(text, habit, spans["messages"])).encode()

    def _message(self, place: int) -> Any:
        if self._pieces:
            return parse(bytes(self._pieces[place]))
        return messages_in(self._document)[place]

    @cached_property
    def _document(self) -> Any:
        return parse(self.data)

    @cached_property
    def _pieces(self) -> list[msgspec.Raw]:
        """The text of each message; none where it takes Python's own parser to read the file."""
        try:
            return msgspec.json.decode(self.data, type=_File).messages
        except (msgspec.DecodeError, RecursionError):
            return []

    def _shell(self) -> Shell | None:
        """Return where everything is, if the messages are laid out as the mail program does it."""
        at = self.data.find(OPENING)
        if at < 0 or not self._pieces or b"\r" in self.data:
            return None
        ends = list(
            accumulate((len(piece) + len(BETWEEN) for piece in self._pieces), initial=at + len(OPENING))
        )
        end = ends[-1] - len(BETWEEN)
        text = self.data[:at] + b'"messages": []' + self.data[end + len(CLOSING) :]
        if not self.data.startswith(CLOSING, end) or not _is_empty(text):
            return None
        return Shell(text.decode(), len(self.data[:at].decode()), ends)

    def _refilled(self, shell: Shell) -> bytes | None:
        """Return the *shell* with its counters right and the messages in it; None if they don't lie where they ought.

        Between two changes the file's own bytes are taken as they are.
        """
        opening, closing = OPENING.decode(), CLOSING.decode()
        habit = habit_of(f"{shell.text[: shell.at]}{opening}{bytes(self._pieces[0]).decode()}{closing}")
        spans, _ = members(shell.text, top(shell.text))
        head, tail = self._in_place(shell.text, habit, spans, HOLE).split(HOLE)
        if not self.entries:
            return f"{head}[]{tail}".encode()
        parts: list[bytes | memoryview] = [head.encode() + b"[\n    "]
        for run in self._runs():
            if run[0].changed:
                parts += [self._dumped(run[0], habit), BETWEEN]
            elif (taken := self._taken(shell, run[0].place or 0, run[-1].place or 0)) is not None:
                parts += [taken, BETWEEN]
            else:
                return None
        parts[-1] = CLOSING + tail.encode()
        return b"".join(parts)

    def _dumped(self, entry: Entry, habit: Habit) -> bytes:
        said = dump(entry.value, habit._replace(ascii=False), 2)
        # The whole file tells whether it is written in ASCII: it is asked only where that makes a difference.
        if max(said) > "~" and self._in_ascii:
            said = dump(entry.value, habit._replace(ascii=True), 2)
        return said.encode()

    @cached_property
    def _in_ascii(self) -> bool:
        return in_ascii(self.data)

    def _runs(self) -> Iterator[list[Entry]]:
        """Yield the entries, those together that nobody changed and that follow each other in the file."""
        run: list[Entry] = []
        for entry in self.entries:
            if run and (entry.changed or run[-1].changed or entry.place != (run[-1].place or 0) + 1):
                yield run
                run = []
            run.append(entry)
        if run:
            yield run

    def _taken(self, shell: Shell, first: int, last: int) -> memoryview | None:
        """Return the file's bytes from one message to another; None if the two are not just there."""
        start, end = shell.starts[first], shell.starts[last + 1] - len(BETWEEN)
        data = memoryview(self.data)[start:end]
        begins, ends = self._pieces[first], self._pieces[last]
        lie_there = data[: len(begins)] == bytes(begins) and data[-len(ends) :] == bytes(ends)
        return data if lie_there else None

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


def _is_empty(shell: bytes) -> bool:
    document = parse(shell)
    return isinstance(document, dict) and document.get("messages") == []
