"""Words from the workspace (names, subjects, titles) in texts of ours: never more than words."""

import re
import unicodedata
from typing import Any

LONGEST = 160
MOST_LISTED = 20  # in a mail; of the others it says how many there are
# What begins or ends a piece of Markdown, or of the HTML that Markdown lets through.
_MARKS = re.compile(r"[\\`*\[\]<>|~&!$^]|(?<![^\W_])_|_(?![^\W_])|(?<=:)/(?=/)|(?<=www)\.|@(?=\S+\.\S)")
# What makes a heading, list, quote, rule or fence of a line that begins with it.
_STARTS = re.compile(r"^(?:[#+\-=>:]|\d+(?=[.)]))")


def plain(said: Any, limit: int = LONGEST) -> str:
    """Return *said* on one line, without control or direction characters, cut to *limit* characters."""
    words = "".join(" " if _invisible(c) else c for c in str(said))
    words = " ".join(words.split())
    return words if len(words) <= limit else words[: limit - 1].rstrip() + "…"


def escaped(said: Any, limit: int = LONGEST) -> str:
    """Return *said* as `plain` does, such that Markdown shows it as it is."""
    words = _MARKS.sub(lambda mark: "\\" + mark[0], plain(said, limit))
    return _STARTS.sub(_start_escaped, words)


def many(number: int, one: str, more: str = "") -> str:
    """Return `1 mail` or `2 mails`."""
    return f"{number:,} {one if number == 1 else more or one + 's'}"


def _start_escaped(start: re.Match[str]) -> str:
    return f"&#{ord(start[0])};" if not start[0].isdigit() else f"{start[0]}\\"


def _invisible(character: str) -> bool:
    # Control, format (zero width, right-to-left overrides), surrogate, line and paragraph separators.
    return unicodedata.category(character) in {"Cc", "Cf", "Cs", "Zl", "Zp"}
