"""Messages about lines of the user's crontab, by their number in the user's own file. Pure: no file or process."""

import re
from typing import NamedTuple

from scheduled.printable import printable

# Vixie's cron and its descendants print the name of the file, how many newlines they read, and the reason.
_BAD_LINE = re.compile(rb'"[^"\n]*":(\d+): ([^\n]+)')
_SETTING = re.compile(rb"""[ \t]*("[^"]*"|'[^']*'|[^\s"'=#]+)[ \t]*=""")
_EMPTY = re.compile(rb"[ \t]*([A-Za-z_][A-Za-z0-9_]*)[ \t]*=[ \t]*")
_ENTRY_WORDS = 6  # five fields and a command
_LONGEST_SHOWN = 50
TO_NEWLINES = r"`CRONTAB_NOHEADER=N crontab -l | sed 's/\\r$//' | crontab -`"


def refusal(reason: bytes, written: bytes, own: bytes) -> str | None:
    """Return the message for bad lines that `crontab` named in *reason* when it was to install *written*.

    The lines get their numbers in *own*, the crontab of the user from which *written* was made. Return None if
    *reason* names no line of the user.
    """
    lines, bad = written.split(b"\n"), []
    for match in _BAD_LINE.finditer(reason):
        index = _bad_index(lines, int(match[1]), match[2])
        if (number := _own_number(lines, own.split(b"\n"), index)) is None:
            return None
        bad.append(_Bad(number, lines[index], match[2].decode(errors="replace")))
    return "; ".join([*map(str, bad), _remedy(bad, own)]) if bad else None


class _Bad(NamedTuple):
    number: int
    line: bytes
    reason: str

    def __str__(self) -> str:
        return f"{named(self.number, self.line)}: {self.reason}"


def _bad_index(lines: list[bytes], newlines: int, reason: bytes) -> int:
    """Return the index of the bad line, of which cron may have read the newline before it printed *newlines*."""
    read_to_its_end = newlines > 0 and (
        reason.startswith(b"command too long") or _is_short(lines[newlines - 1])
    )
    return min(newlines - read_to_its_end, len(lines) - 1)


def _is_short(line: bytes) -> bool:
    """Return whether *line* is an entry that ends too early."""
    words = line.split()
    if not words or words[0].startswith(b"#") or _SETTING.match(line):
        return False
    return len(words) < (2 if words[0].startswith(b"@") else _ENTRY_WORDS)


def _own_number(lines: list[bytes], own: list[bytes], index: int) -> int | None:
    """Return the number in *own* of the line at *index* of *lines*, which differ in the block only, or None."""
    if index < len(own) and lines[: index + 1] == own[: index + 1]:
        return index + 1
    from_end = len(lines) - index
    if from_end <= len(own) and lines[index:] == own[-from_end:]:
        return len(own) - from_end + 1
    return None


def named(number: int, line: bytes) -> str:
    """Return the line *number* of the crontab in words, with the text of *line*."""
    if _is_empty_with_cr(line):
        return f"line {number} of your crontab (only a carriage return)"
    text = printable(line.decode(errors="replace").replace("\r", r"\r"))
    shown = text if len(text) <= _LONGEST_SHOWN else text[: _LONGEST_SHOWN - 3] + "..."
    return f"line {number} of your crontab ({shown})"


def _is_empty_with_cr(line: bytes) -> bool:
    return line.endswith(b"\r") and not line.strip()


def _remedy(bad: list[_Bad], own: bytes) -> str:
    if any(_is_empty_with_cr(one.line) for one in bad):
        numbers = [n for n, line in enumerate(own.split(b"\n"), start=1) if _is_empty_with_cr(line)]
        return (
            f"nothing was changed. `crontab` refuses empty lines with CR line ends ({numbered(numbers)}); "
            f"{TO_NEWLINES} gives all lines the line ends that cron needs"
        )
    if empty := next(filter(None, (_EMPTY.fullmatch(one.line) for one in bad)), None):
        name = empty[1].decode(errors="replace")
        return f'nothing was changed. For cron, write an empty value as `{name}=""`, with `crontab -e`'
    return "nothing was changed. Correct it with `crontab -e`"


def numbered(numbers: list[int]) -> str:
    """Return *numbers* of lines in words: `line 3`, `lines 1, 2`."""
    shown = ", ".join(map(str, numbers[:5])) + (" and others" if numbers[5:] else "")
    return f"line{'s' * (len(numbers) > 1)} {shown}"


def unreadable(numbers: list[int], *, at_line_ends: bool) -> str:
    r"""Return the message for lines that `crontab -l` prints with `\r` or `\b`, so that their bytes are not known.

    *at_line_ends* is whether these are all `\r` at the ends of lines.
    """
    what = (
        rf"{numbered(numbers)} of your crontab: `crontab -l` prints `\r` or `\b` there, which may be a control "
        "character or these two characters, so the crontab can't be kept exactly; nothing was changed. "
    )
    if at_line_ends:
        return f"{what}If these are CR line ends, {TO_NEWLINES} removes them"
    return f"{what}Remove it with `crontab -e`"
