"""The output of a job on a terminal: colors are kept, other control characters are escaped."""

import codecs
import re
from collections.abc import Iterable, Iterator

from scheduled.printable import printable_lines

COLOR = re.compile("(\x1b\\[[0-9;]{0,32}m)")  # SGR sequences: they select colors, and do nothing else
BEGUN = re.compile("(?:\r|\x1b(?:\\[[0-9;]{0,32})?)\\Z")  # the beginning of a color or of a line end


def for_terminal(pieces: Iterable[bytes]) -> Iterator[str]:
    """Yield the output in *pieces* as text for a terminal.

    Colors, newlines and tabs are kept. Other control characters and invalid UTF-8 are escaped. A character or color that
    is split between two pieces is held back until the second one.
    """
    decoder = codecs.getincrementaldecoder("utf-8")("backslashreplace")
    rest = ""
    for piece in pieces:
        rest += decoder.decode(piece)
        begun = BEGUN.search(rest)
        cut = begun.start() if begun else len(rest)
        yield _escaped(rest[:cut])
        rest = rest[cut:]
    yield _escaped(rest + decoder.decode(b"", final=True))


def _escaped(text: str) -> str:
    parts = COLOR.split(text.replace("\r\n", "\n"))
    return "".join(part if place % 2 else printable_lines(part) for place, part in enumerate(parts))
