"""An inbox file's text, edited without touching the rest, whatever shape it has."""

from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from itertools import pairwise
from typing import Any, NamedTuple

import msgspec

from scheduled.handlers.formats.json_text import (
    Span,
    Style,
    dump,
    elements,
    in_ascii,
    line_start,
    members,
    parse,
    splice,
    style_of,
    top,
)
from scheduled.handlers.formats.message import Counts, Message, count, mail_of, mails_in, messages_in

# How the mail program lays out its list: where a file is just so, nothing of it need be looked at piece by piece.
OPENING, BETWEEN, CLOSING = b'"messages": [\n    ', b",\n    ", b"\n  ]"
HOLE = "\0"  # stands in no JSON text


class Shell(NamedTuple):
    """The file's *text* without its messages, which were listed *at* there; *first*: where they begin in the file."""

    text: str
    at: int
    first: int


class Inbox:
    """An inbox file's text, and what is to become of its messages: each is known by its place in the file's list.

    *mails*, newest first, holds what each of them says that matters, None for what is no message; those that are
    taken out stay in it. `places` tells which messages stay.
    """

    def __init__(self, data: bytes) -> None:
        """Read *data*; ValueError if it is no inbox."""
        self.data = data
        self.mails = mails_in(data)
        self._new: list[Message] = []
        self._gone: set[int] = set()
        self._changed: dict[int, Message] = {}

    def message(self, place: int) -> Any:
        """Return the whole message (or what there is in a message's place), as it was changed if it was: to be read."""
        return self._changed[place] if place in self._changed else self._read(place)

    def change(self, place: int, **fields: Any) -> None:
        """Set *fields* of a message; those it has keep their place, others come last."""
        self._changed[place] = self.message(place) | fields
        self.mails[place] = mail_of(self._changed[place])

    def remove(self, places: Iterable[int]) -> None:
        """Take messages out; the others keep the places they are known by."""
        self._gone.update(places)

    def put_first(self, message: Message) -> None:
        """Add *message* as the newest; it has no place in the file yet."""
        self._new.insert(0, message)

    def counts(self) -> Counts:
        """Return the counts that belong to the messages as they are now."""
        staying = [self.mails[place] for place in self.places()] if self._gone else self.mails
        return count([*map(mail_of, self._new), *staying])

    def places(self) -> Sequence[int]:
        """Return the places of the file's messages that stay."""
        places = range(len(self.mails))
        return [place for place in places if place not in self._gone] if self._gone else places

    def render(self) -> bytes:
        """Return the file with the changes made and the counters right; older shapes become today's."""
        if (shell := self._shell()) is not None and (refilled := self._refilled(shell)) is not None:
            return refilled
        text = self.data.decode()
        style = style_of(text)
        at = top(text)
        spans = members(text, at)[0] if text[at] == "{" else {}
        if "messages" not in spans:
            return self._migrated(text, style).encode()
        return self._in_place(text, style, spans, self._list_text(text, style, spans["messages"])).encode()

    def _read(self, place: int) -> Any:
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
        first = at + len(OPENING)
        end = first + self._length(0, len(self._pieces)) - len(BETWEEN)
        text = self.data[:at] + b'"messages": []' + self.data[end + len(CLOSING) :]
        if not self.data.startswith(CLOSING, end) or not _is_empty(text):
            return None
        return Shell(text.decode(), len(self.data[:at].decode()), first)

    def _length(self, first: int, end: int) -> int:
        """Return how far it is, laid out so, from the message at one place to that at another."""
        return sum(map(len, self._pieces[first:end])) + (end - first) * len(BETWEEN)

    def _refilled(self, shell: Shell) -> bytes | None:
        """Return the *shell* with its counters right and the messages in it; None if they don't lie where they ought.

        Between two changes the file's own bytes are taken as they are.
        """
        opening, closing = OPENING.decode(), CLOSING.decode()
        style = style_of(f"{shell.text[: shell.at]}{opening}{bytes(self._pieces[0]).decode()}{closing}")
        spans, _ = members(shell.text, top(shell.text))
        head, tail = self._in_place(shell.text, style, spans, HOLE).split(HOLE)
        try:
            parts = [part for piece in self._filling(shell, style) for part in (piece, BETWEEN)]
        except MisplacedError:
            return None
        if not parts:
            return f"{head}[]{tail}".encode()
        return b"".join([head.encode(), b"[\n    ", *parts[:-1], CLOSING, tail.encode()])

    def _filling(self, shell: Shell, style: Style) -> Iterator[bytes | memoryview]:
        """Yield what stands between the commas: messages one by one, or as many as lie together unchanged."""
        yield from (self._dumped(message, style) for message in self._new)
        place, at = 0, shell.first
        for edited in sorted({*self._changed, *self._gone, len(self.mails)}):
            end = at + self._length(place, edited)
            if place < edited:
                yield self._taken(place, edited - 1, at, end - len(BETWEEN))
            if edited in self._changed and edited not in self._gone:
                yield self._dumped(self._changed[edited], style)
            place, at = edited + 1, end + self._length(edited, edited + 1)

    def _dumped(self, message: Message, style: Style) -> bytes:
        said = dump(message, style._replace(ascii=False), 2)
        # The whole file tells whether it is written in ASCII: it is asked only where that makes a difference.
        if max(said) > "~" and self._in_ascii:
            said = dump(message, style._replace(ascii=True), 2)
        return said.encode()

    @cached_property
    def _in_ascii(self) -> bool:
        return in_ascii(self.data)

    def _taken(self, first: int, last: int, start: int, end: int) -> memoryview:
        """Return the file's bytes from one message to another; MisplacedError if the two are not just there."""
        data = memoryview(self.data)[start:end]
        begins, ends = self._pieces[first], self._pieces[last]
        if data[: len(begins)] != bytes(begins) or data[-len(ends) :] != bytes(ends):
            raise MisplacedError
        return data

    def _in_place(self, text: str, style: Style, spans: dict[str, Span], messages: str) -> str:
        edits = [(spans["messages"], messages)]
        missing = ""
        for key, value in self._head().items():
            said = dump(value, style)
            if key not in spans:
                missing += f"{style.comma}{line_start(style, 1)}{dump(key, style)}{style.colon}{said}"
            elif key != "mailbox":
                edits.append((spans[key], said))
        last = max(span.end for span in spans.values())
        return splice(text, [*edits, (Span(last, last), missing)])

    def _head(self) -> dict[str, Any]:
        counts = self.counts()
        return {"mailbox": "inbox", "total_messages": counts.total, "unread_count": counts.unread}

    def _list_text(self, text: str, style: Style, where: Span) -> str:
        """Return the list of messages: those that nobody changed in their own bytes, spacing included."""
        spans, _ = elements(text, *where) if self.mails else ([], 0)
        leads = [text[before.end : span.start] for before, span in pairwise(spans)]
        first = text[where.start + 1 : spans[0].start] if spans else line_start(style, 2)
        tail = text[spans[-1].end : where.end - 1] if spans else line_start(style, 1)
        between = leads[0] if leads else style.comma + first
        pieces = [piece for message in self._new for piece in (between, dump(message, style, 2))]
        for place in self.places():
            changed = self._changed.get(place)
            said = text[slice(*spans[place])] if changed is None else dump(changed, style, 2)
            pieces += [leads[place - 1] if place else between, said]
        return "".join(["[", first, *pieces[1:], tail, "]"]) if pieces else "[]"

    def _migrated(self, text: str, style: Style) -> str:
        """Return a list of messages, or one under `inbox`, as the mail program itself migrates them."""
        kept = self._document if isinstance(self._document, dict) else {}
        document = {key: value for key, value in kept.items() if key != "inbox"}
        document["messages"] = [*self._new, *map(self.message, self.places())]
        head = self._head()
        document |= head | ({"mailbox": kept["mailbox"]} if "mailbox" in kept else {})
        return dump(document, style) + ("\n" if text.endswith("\n") else "")


class MisplacedError(Exception):
    """The messages don't lie in the file where they ought to."""


class _File(msgspec.Struct):
    messages: list[msgspec.Raw]


def _is_empty(shell: bytes) -> bool:
    document = parse(shell)
    return isinstance(document, dict) and document.get("messages") == []
