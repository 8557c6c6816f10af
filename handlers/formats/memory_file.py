"""What a memory file holds, and which of its limits it exceeds."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import msgspec

from scheduled.handlers.formats.form import AUTO_COMPACT, Limits
from scheduled.handlers.formats.json_text import MalformedError, parse
from scheduled.handlers.formats.safe_files import count_lines, read_settled
from scheduled.state.files import read_regular

SESSIONS = "sessions"
CONTAINERS = (SESSIONS, "key_learnings", "observations", "todos")


class Size(msgspec.Struct, array_like=True, frozen=True):
    """The size of a memory file: lines as counted by `readlines()`, bytes, characters, and entries by their list's key.

    *chars* is None if only lines and bytes were counted. *damaged*: it was looked at and is not valid JSON.
    """

    lines: int = 0
    bytes: int = 0
    chars: int | None = None
    entries: dict[str, int] = {}
    damaged: bool = False


class Excess(NamedTuple):
    """A limit that a file exceeds: *number* of *what*, of which there may be *limit*."""

    what: str
    number: int
    limit: int

    @property
    def text(self) -> str:
        """`650 lines`."""
        return f"{self.number if self.what == LINES else f'{self.number:,}'} {self.what}"


LINES, CHARACTERS = "lines", "characters"


def lines_of(path: str, inside: str) -> Size:
    """Return the lines and bytes of a file, in little memory. Raise OSError if it cannot be read."""
    lines, size = count_lines(path, inside)
    return Size(lines, size)


def size_of(path: str, inside: str) -> Size:
    """Return the complete size of a file, without entries if it is not valid JSON. Raise OSError if it cannot be read."""
    try:
        return read_settled(path, _parsed, inside=inside)
    except (ValueError, RecursionError):
        return _sized(read_regular(path, inside=inside), {}, damaged=True)


def _parsed(data: bytes) -> Size:
    return _sized(data, _entries(parse(data)))


def _sized(data: bytes, entries: dict[str, int], *, damaged: bool = False) -> Size:
    text = data.decode(errors="replace")
    lines = text.count("\n") + (not text.endswith("\n") and bool(text))
    return Size(lines, len(data), len(text), entries, damaged)


def _entries(document: Any) -> dict[str, int]:
    """Return the number of entries of each list of a memory file; the sessions that a program wrote are counted apart.

    Files of an earlier schema have tables instead of some lists.
    """
    if not isinstance(document, Mapping):
        raise MalformedError("it is not a JSON object")
    held = {key: value for key, value in document.items() if isinstance(value, list) or _is_table(key, value)}
    found = {key: len(value) for key, value in held.items()}
    sessions = held.get(SESSIONS, ())
    compacted = sum(isinstance(e, dict) and e.get("status") == "auto-compact" for e in sessions)
    if compacted:
        found[SESSIONS] -= compacted
        found[AUTO_COMPACT] = compacted
    return found


def _is_table(key: str, value: Any) -> bool:
    return key in CONTAINERS and isinstance(value, dict)


def excesses(size: Size, limits: Limits) -> list[Excess]:
    """Return the limits that a file of *size* exceeds."""
    return [Excess(what, number, most) for what, number, most in _compared(size, limits) if number > most]


def approached(size: Size, limits: Limits, part: int, whole: int) -> list[Excess]:
    """Return the limits in lines or characters of which a file uses more than *part* of *whole*.

    Entries are not included: the memory program moves them out, so that a file always has about as many as it may have.
    """
    return [
        Excess(what, number, most)
        for what, number, most in _compared(size, limits)
        if what in (LINES, CHARACTERS) and number * whole > most * part
    ]


def _compared(size: Size, limits: Limits) -> Iterator[tuple[str, int, int]]:
    if limits.lines is not None:
        yield LINES, size.lines, limits.lines
    if limits.chars is not None and size.chars is not None:
        yield CHARACTERS, size.chars, limits.chars
    for key, number in size.entries.items():
        most = limits.entries.get(key, limits.every)
        if most is not None:
            yield key.replace("_", " "), number, most
