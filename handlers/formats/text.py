"""Makes text from the workspace (names, subjects, titles) safe to quote in Markdown and plain text."""

import re
import unicodedata
from typing import Any

LONGEST = 160  # characters
MOST_LISTED = 20  # entries of a list in a mail; the others are only counted
# Characters with a meaning in Markdown, or in the HTML that Markdown allows.
_MARKS = re.compile(r"[\\`*\[\]<>|~&!$^]|(?<![^\W_])_|_(?![^\W_])|(?<=:)/(?=/)|(?<=www)\.|@(?=\S+\.\S)")
# Line starts that make a heading, list, quote, rule or code fence.
_STARTS = re.compile(r"^(?:[#+\-=>:]|\d+(?=[.)]))")


def plain(value: Any, limit: int = LONGEST) -> str:
    """Return *value* as one line of at most *limit* characters, without control and text direction characters."""
    text = "".join(" " if _invisible(c) else c for c in str(value))
    text = " ".join(text.split())
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"


def escaped(value: Any, limit: int = LONGEST) -> str:
    """Return *value* as `plain` does, escaped so that Markdown shows it unchanged."""
    text = _MARKS.sub(lambda mark: "\\" + mark[0], plain(value, limit))
    return _STARTS.sub(_start_escaped, text)


def many(number: int, one: str, more: str = "") -> str:
    """Return a number with its noun, for example `1 mail` or `2 mails`; *more* is the plural if it is irregular."""
    return f"{number:,} {one if number == 1 else more or one + 's'}"


def _start_escaped(start: re.Match[str]) -> str:
    return f"&#{ord(start[0])};" if not start[0].isdigit() else f"{start[0]}\\"


def _invisible(character: str) -> bool:
    # Control, format (zero width, text direction), surrogate, line separator and paragraph separator characters.
    return unicodedata.category(character) in {"Cc", "Cf", "Cs", "Zl", "Zp"}
