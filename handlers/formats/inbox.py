"""Edits the text of an inbox file: unchanged messages keep their bytes, in every known layout of the file."""

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
from scheduled.handlers.formats.message import Counts, Decode, Message, count, mail_of, mails_in, messages_in
from scheduled.state.files import Parts

# The layout of the mail program's message list. In a file with exactly this layout, positions can be computed from
# the lengths of the messages, and the text need not be scanned.
OPENING, BETWEEN, CLOSING = b'"messages": [\n    ', b",\n    ", b"\n  ]"
PLACEHOLDER = "\0"  # does not occur in JSON texts


class Frame(NamedTuple):
    """The file's *text* with an empty message list.

    *at* is the position of the list in *text*, in characters. *first* and *end* are those of the first message and of the
    end of the last one in the file, in bytes.
    """

    text: str
    at: int
    first: int
    end: int


class Inbox:
    """The text of an inbox file and the changes to make. A message is identified by its place: its index in the file.

    *mails* has the deciding fields of all messages in the file's order, newest first, and None for elements that are
    not messages. Removed messages stay in it; `places` returns those that remain.
    """

    def __init__(self, data: bytes, decode: Decode = mails_in) -> None:
        """Parse *data* with *decode*. Raise ValueError if it is not an inbox."""
        self.data = data
        self.mails = decode(data)
        self._new: list[Message] = []
        self._gone: set[int] = set()
        self._changed: dict[int, Message] = {}
        self._counts: Counts | None = None

    def message(self, place: int) -> Any:
        """Return the complete message at *place* with its changes, not to be modified; elements can have any type."""
        return self._changed[place] if place in self._changed else self._read(place)

    def change(self, place: int, **fields: Any) -> None:
        """Set *fields* of a message. Existing fields keep their order, new ones are appended."""
        self._changed[place] = self.message(place) | fields
        self.mails[place] = mail_of(self._changed[place])
        self._counts = None

    def remove(self, places: Iterable[int]) -> None:
        """Remove messages. The places of the others do not change."""
        self._gone.update(places)
        self._counts = None

    def put_first(self, message: Message) -> None:
        """Add *message* as the newest one; it has no place."""
        self._new.insert(0, message)
        self._counts = None

    def counts(self) -> Counts:
        """Return the numbers of all and of unread messages after the changes."""
        if self._counts is None:
            remaining = [self.mails[place] for place in self.places()] if self._gone else self.mails
            self._counts = count([*map(mail_of, self._new), *remaining])
        return self._counts

    def places(self) -> Sequence[int]:
        """Return the places of the messages that were not removed."""
        places = range(len(self.mails))
        return [place for place in places if place not in self._gone] if self._gone else places

    def render(self) -> bytes:
        """Return the file's bytes with all changes and correct counters; older layouts are migrated."""
        return b"".join(self.parts())

    def parts(self) -> Parts:
        """Return the file's bytes as `render` does, in parts: runs of unchanged messages are not copied."""
        if (frame := self._frame()) is not None and (filled := self._filled(frame)) is not None:
            return filled
        text = self.data.decode()
        style = style_of(text)
        at = top(text)
        spans = members(text, at)[0] if text[at] == "{" else {}
        if "messages" not in spans:
            return [self._migrate(text, style).encode()]
        messages = self._message_list(text, style, spans["messages"])
        return [self._in_place(text, style, spans, messages).encode()]

    def _read(self, place: int) -> Any:
        if self._pieces:
            return parse(bytes(self._pieces[place]))
        return messages_in(self._document)[place]

    @cached_property
    def _document(self) -> Any:
        return parse(self.data)

    @cached_property
    def _pieces(self) -> list[msgspec.Raw]:
        """The bytes of each message; empty if only Python's more lenient parser can read the file."""
        try:
            return msgspec.json.decode(self.data, type=_File).messages
        except (msgspec.DecodeError, RecursionError):
            return []

    def _frame(self) -> Frame | None:
        """Return the frame of the file if it has exactly the mail program's layout, otherwise None."""
        at = self.data.find(OPENING)
        if at < 0 or not self.mails or b"\r" in self.data:
            return None
        first = at + len(OPENING)
        end = self._end(first)
        text = self.data[:at] + b'"messages": []' + self.data[end + len(CLOSING) :]
        if end < first or not self.data.startswith(CLOSING, end) or not _is_empty(text):
            return None
        return Frame(text.decode(), len(self.data[:at].decode()), first, end)

    def _end(self, first: int) -> int:
        """Return the end of the list with its first message at *first* if the layout is the mail program's; else -1.

        If no message changes, the messages need not be found. The frame without the list shows whether this is its end.
        """
        if not self._edited:
            return -1 if self.data.find(OPENING, first) >= 0 else self.data.rfind(CLOSING)
        return first + self._length(0, len(self._pieces)) - len(BETWEEN) if self._pieces else -1

    @property
    def _edited(self) -> bool:
        """Whether a message that is in the file is changed or removed."""
        return bool(self._changed or self._gone)

    def _length(self, first: int, end: int) -> int:
        """Return the number of bytes from the message at place *first* to that at *end* in this layout."""
        return sum(map(len, self._pieces[first:end])) + (end - first) * len(BETWEEN)

    def _filled(self, frame: Frame) -> Parts | None:
        """Return the *frame* with correct counters and the messages; None if a message is not at its computed position."""
        opening, closing = OPENING.decode(), CLOSING.decode()
        message = bytes(self._pieces[0]).decode() if self._edited else ""
        style = style_of(f"{frame.text[: frame.at]}{opening}{message}{closing}")
        spans, _ = members(frame.text, top(frame.text))
        head, tail = self._in_place(frame.text, style, spans, PLACEHOLDER).split(PLACEHOLDER)
        try:
            parts = [part for piece in self._list_parts(frame, style) for part in (piece, BETWEEN)]
        except MisplacedError:
            return None
        if not parts:
            return [f"{head}[]{tail}".encode()]
        return [head.encode(), b"[\n    ", *parts[:-1], CLOSING, tail.encode()]

    def _list_parts(self, frame: Frame, style: Style) -> Iterator[bytes | memoryview]:
        """Yield the parts of the list to join with commas: new and changed messages, and runs of unchanged ones."""
        yield from (self._dumped(message, style) for message in self._new)
        if not self._edited:
            yield memoryview(self.data)[frame.first : frame.end]
            return
        place, at = 0, frame.first
        for edited in sorted({*self._changed, *self._gone, len(self.mails)}):
            end = at + self._length(place, edited)
            if place < edited:
                yield self._copied(place, edited - 1, at, end - len(BETWEEN))
            if edited in self._changed and edited not in self._gone:
                yield self._dumped(self._changed[edited], style)
            place, at = edited + 1, end + self._length(edited, edited + 1)

    def _dumped(self, message: Message, style: Style) -> bytes:
        text = dump(message, style._replace(ascii=False), 2)
        # Only a scan of the whole file shows whether it escapes non-ASCII characters; an ASCII message needs none.
        if max(text) > "~" and self._in_ascii:
            text = dump(message, style._replace(ascii=True), 2)
        return text.encode()

    @cached_property
    def _in_ascii(self) -> bool:
        return in_ascii(self.data)

    def _copied(self, first: int, last: int, start: int, end: int) -> memoryview:
        """Return the bytes *start* to *end*. Raise MisplacedError if these are not the messages *first* to *last*."""
        data = memoryview(self.data)[start:end]
        start_piece, end_piece = self._pieces[first], self._pieces[last]
        if data[: len(start_piece)] != bytes(start_piece) or data[-len(end_piece) :] != bytes(end_piece):
            raise MisplacedError
        return data

    def _in_place(self, text: str, style: Style, spans: dict[str, Span], messages: str) -> str:
        """Return *text* with *messages* as the message list and correct counters; missing keys are appended."""
        edits = [(spans["messages"], messages)]
        missing = ""
        for key, value in self._header().items():
            encoded = dump(value, style)
            if key not in spans:
                missing += f"{style.comma}{line_start(style, 1)}{dump(key, style)}{style.colon}{encoded}"
            elif key != "mailbox":
                edits.append((spans[key], encoded))
        last = max(span.end for span in spans.values())
        return splice(text, [*edits, (Span(last, last), missing)])

    def _header(self) -> dict[str, Any]:
        counts = self.counts()
        return {"mailbox": "inbox", "total_messages": counts.total, "unread_count": counts.unread}

    def _message_list(self, text: str, style: Style, span: Span) -> str:
        """Return the new text of the message list at *span*; unchanged messages and spacing are copied from *text*."""
        spans, _ = elements(text, *span) if self.mails else ([], 0)
        leads = [text[before.end : after.start] for before, after in pairwise(spans)]
        first = text[span.start + 1 : spans[0].start] if spans else line_start(style, 2)
        tail = text[spans[-1].end : span.end - 1] if spans else line_start(style, 1)
        between = leads[0] if leads else style.comma + first
        pieces = [piece for message in self._new for piece in (between, dump(message, style, 2))]
        for place in self.places():
            changed = self._changed.get(place)
            piece = text[slice(*spans[place])] if changed is None else dump(changed, style, 2)
            pieces += [leads[place - 1] if place else between, piece]
        return "".join(["[", first, *pieces[1:], tail, "]"]) if pieces else "[]"

    def _migrate(self, text: str, style: Style) -> str:
        """Return the file in the current layout. As in the mail program, older ones are a list and the key `inbox`."""
        kept = self._document if isinstance(self._document, dict) else {}
        document = {key: value for key, value in kept.items() if key != "inbox"}
        document["messages"] = [*self._new, *map(self.message, self.places())]
        document |= self._header() | ({"mailbox": kept["mailbox"]} if "mailbox" in kept else {})
        return dump(document, style) + ("\n" if text.endswith("\n") else "")


class MisplacedError(Exception):
    """A message is not at the position in the file that was computed from the layout."""


class _File(msgspec.Struct):
    messages: list[msgspec.Raw]


def _is_empty(frame: bytes) -> bool:
    document = parse(frame)
    return isinstance(document, dict) and document.get("messages") == []
