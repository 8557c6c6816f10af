"""Edits JSON texts in place: unchanged parts keep their bytes.

Parsing and encoding a whole file would change the spacing, escapes and number formats of other programs. Here only the
spans of changed values are replaced, in the style of the text.
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
# An escape other than that of a control character: only a writer that escapes non-ASCII characters produces it.
_ESCAPED = re.compile(rb"\\u(?!00[01])[0-9a-fA-F]{4}")
_SURROGATE = re.compile("[\ud800-\udfff]")


class MalformedError(ValueError):
    """The data does not have the expected format."""


def parse(data: bytes) -> Any:
    """Return the value of the JSON text *data*. Raise ValueError if it cannot be parsed for any reason."""
    try:
        return msgspec.json.decode(data)
    except (msgspec.DecodeError, RecursionError):
        pass  # the workspace's programs use Python's `json`, which accepts more than msgspec
    try:
        return json.loads(data)
    except RecursionError:
        raise MalformedError("nested too deeply") from None


class Span(NamedTuple):
    """The position of a value in the text: the index of its first character, and the index after its last."""

    start: int
    end: int


class Style(NamedTuple):
    """The style of a JSON text: *indent* of one level (None: all on one line), line ends, separators and escapes."""

    indent: str | None = "  "
    newline: str = "\n"
    comma: str = ","
    colon: str = ": "
    ascii: bool = False


def style_of(text: str) -> Style:
    """Return the style of *text*; for an empty text that of the mail program (indent 2, non-ASCII not escaped)."""
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
    """Return whether the writer of a text escaped all non-ASCII characters: it is ASCII and has such an escape."""
    return b"\\u" in data and data.isascii() and _ESCAPED.search(data) is not None


def dump(value: Any, style: Style, depth: int = 0) -> str:
    """Return *value* as JSON in *style*, with the indentation for a value at *depth* levels below the top."""
    text = json.dumps(
        value, indent=style.indent, separators=(style.comma, style.colon), ensure_ascii=style.ascii
    )
    # Half of a surrogate pair cannot be encoded in UTF-8; it was parsed from an escape and is written as one.
    text = _SURROGATE.sub(lambda half: f"\\u{ord(half[0]):04x}", text)
    return text.replace("\n", line_start(style, depth)) if style.indent is not None else text


def written(value: Any) -> bytes:
    """Return *value* as a file in the mail program's style: as `dump` with the default style, but 20 times faster."""
    try:
        return formatted(value)
    except UnicodeEncodeError:  # half of a surrogate pair, which only Python's `json` can encode
        return dump(value, Style()).encode()


def formatted(value: Any) -> bytes:
    """Return *value* as `written` does. Raise UnicodeEncodeError for half of a surrogate pair."""
    return msgspec.json.format(msgspec.json.encode(value), indent=2)


def line_start(style: Style, depth: int) -> str:
    """Return the line end and indentation before a line at *depth*; empty if the text is on one line."""
    return "" if style.indent is None else style.newline + style.indent * depth


def top(text: str) -> int:
    """Return the index at which the top-level value begins, after a byte order mark and blanks."""
    return _skip(text, 1 if text.startswith("\ufeff") else 0)


def elements(text: str, at: int, end: int | None = None) -> tuple[list[Span], int]:
    """Return the spans of the elements of the array that begins at *at*, and the index after it (*end*, if known)."""
    ascii_only = text.isascii()
    try:
        pieces = msgspec.json.decode(text[at:end], type=list[msgspec.Raw])
    except (msgspec.DecodeError, UnicodeEncodeError):
        return _elements_one_by_one(text, at)
    found, at, gap = [], at + 1, ""
    for piece in pieces:
        value = bytes(piece)
        start = at + len(gap)  # most often the text between two elements is the same as before
        if not text.startswith(gap, at) or text[start] in _BETWEEN:
            start = _GAP.match(text, at).end()  # type: ignore[union-attr] # the pattern always matches
            gap = text[at:start]
        at = start + len(value if ascii_only else value.decode())
        found.append(Span(start, at))
    return found, text.index("]", at) + 1


def _elements_one_by_one(text: str, at: int) -> tuple[list[Span], int]:
    """Return the same as `elements` for a text that only Python's parser accepts."""
    found: list[Span] = []
    at = _skip(text, at + 1)
    while text[at : at + 1] != "]":
        end = _DECODER.raw_decode(text, at)[1]
        found.append(Span(at, end))
        at = _next(text, end, "]")
    return found, at + 1


def members(text: str, at: int) -> tuple[dict[str, Span], int]:
    """Return the spans of the values of the object that begins at *at* by key, and the index after the object."""
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
    """Return the texts of an object's arrays by key; their lengths give the ends of the arrays without parsing them."""
    try:
        values = msgspec.json.decode(text, type=dict[str, msgspec.Raw])
    except (msgspec.DecodeError, UnicodeEncodeError):
        return {}
    return {key: bytes(value).decode() for key, value in values.items() if bytes(value)[:1] == b"["}


def splice(text: str, edits: Iterable[tuple[Span, str]]) -> str:
    """Return *text* with each span replaced. The spans must not overlap."""
    pieces, at = [], 0
    for span, new in sorted(edits):
        pieces += [text[at : span.start], new]
        at = span.end
    return "".join([*pieces, text[at:]])


def _skip(text: str, at: int) -> int:
    blank = _BLANK.match(text, at)
    return blank.end() if blank else at


def _next(text: str, end: int, close: str) -> int:
    """Return the index of the next value, or of *close*, after a value that ended at *end*."""
    at = _skip(text, end)
    if text[at : at + 1] == close:
        return at
    if text[at : at + 1] != ",":
        raise json.JSONDecodeError(f"expected a comma or {close}", text, at)
    at = _skip(text, at + 1)
    if text[at : at + 1] == close:
        raise json.JSONDecodeError("nothing after the comma", text, at)
    return at
