"""The lines of a crontab: where the block of `scheduled` is, and which lines apply to its ticks.

Pure: no clock, file or process. A tick that a person waits for reads the crontab, so this file imports little.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from scheduled.errors import ScheduledError

BEGIN = b"# >>> scheduled >>>"
END = b"# <<< scheduled <<<"
# A note in the first marker for the removal: cron needs a newline before the block, but the crontab had none.
JOINED = b" (the line above had no newline)"

_ALMOST_A_MARKER = re.compile(rb"#.*(>>>scheduled|scheduled>>>|<<<scheduled|scheduled<<<)")
RUN_ENTRY = re.compile(rb"[ \t]*(\S+)([ \t]+\*){4}[ \t].*\brun\b")


class BlockError(ScheduledError):
    """The markers of the block are damaged or duplicated; nothing was changed. Exit code 1."""


class Span(NamedTuple):
    """The indexes of the first and the last line of the block, which are its markers."""

    first: int
    last: int


def _kind(line: bytes) -> bytes | None:
    """Return BEGIN or END if *line* is that marker, b"" if it looks like a damaged marker, otherwise None."""
    text = line.strip()
    if text in (BEGIN, BEGIN + JOINED):
        return BEGIN
    if text == END:
        return END
    return b"" if _ALMOST_A_MARKER.match(text.lower().replace(b" ", b"")) else None


def _markers(lines: list[bytes]) -> Iterator[tuple[int, bytes]]:
    for number, line in enumerate(lines):
        if (kind := _kind(line)) is not None:
            yield number, kind


def find(lines: list[bytes]) -> Span | None:
    """Return the position of the block, or None. Raise BlockError, which names the first wrong line."""
    markers = list(_markers(lines))
    for (number, kind), expected in zip(markers, (BEGIN, END), strict=False):
        if kind != expected:
            raise _damaged(number, "is a damaged or misplaced marker")
    if len(markers) == 1:
        raise _damaged(markers[0][0], "begins a block that has no end")
    if len(markers) > len((BEGIN, END)):
        raise _damaged(markers[2][0], "is an additional marker")
    return Span(markers[0][0], markers[1][0]) if markers else None


def _damaged(index: int, problem: str) -> BlockError:
    return BlockError(
        f"line {index + 1} of your crontab {problem}; nothing was changed. Correct it with `crontab -e`: the block"
        f" must begin with one line `{BEGIN.decode()}` and end with one line `{END.decode()}`; or remove both lines"
    )


def lines_of(text: bytes) -> list[bytes]:
    """Split *text* at newlines only: for cron, a carriage return does not end a line."""
    return re.findall(rb"[^\n]*\n|[^\n]+$", text)


def before_entries(crontab: bytes) -> bytes:
    """Return the lines of *crontab* that apply to the ticks of the block; without an undamaged block, all lines."""
    lines = lines_of(crontab)
    try:
        span = find(lines)
    except BlockError:
        span = None
    entries = (n for n in range(span.first, span.last) if RUN_ENTRY.match(lines[n])) if span else iter(())
    return b"".join(lines[: next(entries, span.last if span else len(lines))])
