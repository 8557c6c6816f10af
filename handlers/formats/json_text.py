"""Editing a JSON text where it lies: what is not edited keeps its very bytes.

Parsing and dumping a whole file would rewrite other people's spacing, escapes and number spellings; here only
the spans of what changed are replaced, written in the habits that the text shows.
"""

import json
import re
from collections.abc import Iterable
from json import JSONDecoder
from typing import Any, NamedTuple

import msgspec

_DECODER = JSONDecoder()
_BLANK = re.compile(r"[ \t\n\r]*")
_BETWEEN = " \t\n\r,"
_GAP = re.compile(f"[{_BETWEEN}]*")
_FIRST_INDENT = re.compile(r"\n([ \t]+)\S")
_COLON = re.compile(r'"(?:[^"\\]|\\.)*"\s*:(\s?)')
_COMMA = re.compile(r"[\]}\"\w],( ?)\S")
# Control characters are escaped in any style; what is above ASCII only where the writer asked for it.
_ESCAPED = re.compile(rb"\\u(?!00[01])[0-9a-fA-F]{4}")
_SURROGATE = re.compile("[\ud800-\udfff]")


class MalformedError(ValueError):
    """Data that is not of the form that it ought to have."""


def parse(data: bytes) -> Any:
    """Return what the JSON text *data* says; ValueError, for whatever reason it can't be read, if it is none."""
    try:
        return msgspec.json.decode(data)
    except (msgspec.DecodeError, RecursionError):
        pass  # stricter than Python's own, with which the workspace's programs write and read
    try:
        return json.loads(data)
    except RecursionError:
        raise MalformedError("nested too deeply") from None


class Span(NamedTuple):
    """The half-open range of a value's text."""

    start: int
    end: int


class Style(NamedTuple):
    """How a text is written: *indent* of one level (None: all on one line), line ends, separators, escapes."""

    indent: str | None = "  "
    newline: str = "\n"
    comma: str = ","
    colon: str = ": "
    ascii: bool = False


def style_of(text: str) -> Style:
    """Return the style that *text* shows, the real writer's (indent 2, no ASCII escapes) where it shows none."""
    if not text.strip(" \t\r\n\ufeff[]{}"):
        return Style()
    indent = found[1] if (found := _FIRST_INDENT.search(text)) else None
    colon = found[1] if (found := _COLON.search(text)) else " "
    comma = found[1] if indent is None and (found := _COMMA.search(text)) else ""
    return Style(
        indent=indent,
        newline="\r\n" if "\r" in text and "\r\n" in text else "\n",
        comma="," + comma,
        colon=":" + colon,
        ascii=in_ascii(text.encode()),
    )


def in_ascii(data: bytes) -> bool:
    """Tell whether a text is written in ASCII on purpose: some of it is escaped that need not be."""
    return b"\\u" in data and data.isascii() and _ESCAPED.search(data) is not None


def dump(value: Any, style: Style, depth: int = 0) -> str:
    """Return *value* as JSON in *style*, as it stands at *depth* levels below the top."""
    text = json.dumps(
        value, indent=style.indent, separators=(style.comma, style.colon), ensure_ascii=style.ascii
    )
    # Half of a surrogate pair has no bytes in UTF-8: it was an escape, and stays one.
    text = _SURROGATE.sub(lambda half: f"\\u{ord(half[0]):04x}", text)
    return text.replace("\n", line_start(style, depth)) if style.indent is not None else text


def written(value: Any) -> bytes:
    """Return *value* as the real writer's file (indent 2, no ASCII escapes): what `dump` says, in a twentieth of the time."""
    try:
        return formatted(value)
    except UnicodeEncodeError:  # half of a surrogate pair, which only Python's own can say
        return dump(value, Style()).encode()


def formatted(value: Any) -> bytes:
    """Return *value* as `written`; raises UnicodeEncodeError where only Python's own can say it."""
    return msgspec.json.format(msgspec.json.encode(value), indent=2)


def line_start(style: Style, depth: int) -> str:
    """Return what separates two lines at *depth*; nothing where all is on one line."""
    return "" if style.indent is None else style.newline + style.indent * depth


def top(text: str) -> int:
    """Return where the document's value begins (after a byte order mark and blanks)."""
    return _skip(text, 1 if text.startswith("\ufeff") else 0)


def elements(text: str, at: int, end: int | None = None) -> tuple[list[Span], int]:
    """Return the spans of the values of the array that begins at *at*, and where it ends (*end*, if that is known)."""
    ascii_only = text.isascii()
    try:
        pieces = msgspec.json.decode(text[at:end], type=list[msgspec.Raw])
    except (msgspec.DecodeError, UnicodeEncodeError):
        return _elements_one_by_one(text, at)
    found, at, gap = [], at + 1, ""
    for piece in pieces:
        value = bytes(piece)
        start = at + len(gap)  # mostly what stands between two values stands between the next two as well
        if not text.startswith(gap, at) or text[start] in _BETWEEN:
            start = _GAP.match(text, at).end()  # type: ignore[union-attr] # it matches nothing, too
            gap = text[at:start]
        at = start + len(value if ascii_only else value.decode())
        found.append(Span(start, at))
    return found, text.index("]", at) + 1


def _elements_one_by_one(text: str, at: int) -> tuple[list[Span], int]:
    """As `elements`, of what only Python's own parser takes for JSON."""
    found: list[Span] = []
    at = _skip(text, at + 1)
    while text[at : at + 1] != "]":
        end = _DECODER.raw_decode(text, at)[1]
        found.append(Span(at, end))
        at = _next(text, end, "]")
    return found, at + 1


def members(text: str, at: int) -> tuple[dict[str, Span], int]:
    """Return the spans of the values of the object that begins at *at*, and where the object ends."""
    found: dict[str, Span] = {}
    arrays = _arrays(text[at:])
    at = _skip(text, at + 1)
    while text[at : at + 1] != "}":
        key, end = _DECODER.raw_decode(text, at)
        colon = _skip(text, end)
        if not isinstance(key, str) or text[colon : colon + 1] != ":":
            raise json.JSONDecodeError("expected a key and a colon", text, at)
        start = _skip(text, colon + 1)
        array = arrays.get(key, "")
        known = array and text.startswith(array, start)
        end = start + len(array) if known else _DECODER.raw_decode(text, start)[1]
        found[key] = Span(start, end)
        at = _next(text, end, "}")
    return found, at + 1


def _arrays(text: str) -> dict[str, str]:
    """Return the arrays in an object by their keys, as they are written: such a text tells where it ends."""
    try:
        values = msgspec.json.decode(text, type=dict[str, msgspec.Raw])
    except (msgspec.DecodeError, UnicodeEncodeError):
        return {}
    return {key: bytes(value).decode() for key, value in values.items() if bytes(value)[:1] == b"["}


def splice(text: str, edits: Iterable[tuple[Span, str]]) -> str:
    """Return *text* with each span replaced; the spans don't overlap."""
    pieces, at = [], 0
    for span, new in sorted(edits):
        pieces += [text[at : span.start], new]
        at = span.end
    return "".join([*pieces, text[at:]])


def _skip(text: str, at: int) -> int:
    blank = _BLANK.match(text, at)
    return blank.end() if blank else at


def _next(text: str, end: int, close: str) -> int:
    """Return where the next value or *close* stands after a value that ended at *end*."""
    at = _skip(text, end)
    if text[at : at + 1] == close:
        return at
    if text[at : at + 1] != ",":
        raise json.JSONDecodeError(f"expected a comma or {close}", text, at)
    at = _skip(text, at + 1)
    if text[at : at + 1] == close:
        raise json.JSONDecodeError("nothing after the comma", text, at)
    return at
