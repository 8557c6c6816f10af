"""The output of a job on a terminal: colors are kept, other control characters are escaped."""

import codecs
import re
from collections.abc import Iterable, Iterator

from scheduled.printable import printable_lines

# SGR sequences: they select colors, and do nothing else. 8 makes the text invisible.
COLOR = re.compile("(\x1b\\[(?!(?:[0-9]*;)*0*8[;m])[0-9;]{0,32}m)")
RESET = "\x1b[0m"
BEGUN = re.compile("(?:\r|\x1b(?:\\[[0-9;]{0,32})?)\\Z")  # the beginning of a color or of a line end


def for_terminal(pieces: Iterable[bytes]) -> Iterator[str]:
    """Yield the output in *pieces* as text for a terminal.

    Colors, newlines and tabs are kept, and colors are reset at the end. Other control characters and invalid UTF-8 are escaped. A character or color that
    is split between two pieces is held back until the second one.
    """
    decoder = codecs.getincrementaldecoder("utf-8")("backslashreplace")
    rest, colored = "", False
    for piece in pieces:
        rest += decoder.decode(piece)
        begun = BEGUN.search(rest)
        cut = begun.start() if begun else len(rest)
        yield _escaped(rest[:cut])
        colored = colored or COLOR.search(rest[:cut]) is not None
        rest = rest[cut:]
    yield _escaped(rest + decoder.decode(b"", final=True)) + (RESET if colored else "")


def _escaped(text: str) -> str:
    parts = COLOR.split(text.replace("\r\n", "\n"))
    return "".join(part if place % 2 else printable_lines(part) for place, part in enumerate(parts))
