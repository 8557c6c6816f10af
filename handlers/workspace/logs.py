"""What the branches' logs say of the last hour, read from their ends: a large log costs no more than a small one."""

import os
import re
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec

from scheduled.handlers.formats import timestamps
from scheduled.handlers.formats.branches import Branch
from scheduled.handlers.workspace.workspace import Workspace
from scheduled.state.files import open_regular

# `TIME | name | LEVEL | text`, `TIME - name - LEVEL - text`, `TIME [LEVEL] text`, TIME perhaps with fractions.
# The level is the field after the name, not a word anywhere: "no ERROR in last batch" is no error.
LINE = re.compile(
    rb"^(\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d)(?:[.,]\d+)?"
    rb"(?: \| [^|\n]*\| *([A-Z]+) *\|| - \S+ - +([A-Z]+) +-| \[([A-Z]+) *\])",
    re.MULTILINE,
)
LEVELS = {
    "ERROR": "ERROR",
    "CRITICAL": "CRITICAL",
    "FATAL": "CRITICAL",
    "WARNING": "WARNING",
    "WARN": "WARNING",
}
OWN = ("scheduled.log",)
FIRST_TAIL, PIECE, LONGEST_TAIL = 1 << 16, 1 << 20, 1 << 30
LONGEST_HEAD = 4096  # of a line: what tells its time and its level stands at its beginning
# Stamps are local: at the end of summer time an hour is run twice, and the older pass looks like the newer.
SLACK = timedelta(hours=1)


class LogFile(msgspec.Struct, frozen=True, kw_only=True):
    """One log with its rotated part: its *size*, and how often each level occurred within the window."""

    name: str
    size: int
    levels: dict[str, int]
    trouble: str = ""


class Window:
    """The span of time that counts: after *start*, up to *end*."""

    def __init__(self, end: datetime, length: timedelta, zone: ZoneInfo) -> None:
        self.end, self.zone = end.astimezone(UTC), zone
        self.start = self.end - length

    def holds(self, stamp: str) -> bool:
        """Tell whether a local *stamp* may lie in the window."""
        return any(self.start < at <= self.end for at in self._readings(stamp))

    def is_past(self, stamp: str) -> bool:
        """Tell whether a log that is read backwards need not be read beyond *stamp*."""
        readings = self._readings(stamp)
        return bool(readings) and max(readings) < self.start - SLACK

    def _readings(self, stamp: str) -> tuple[datetime, ...]:
        try:
            return timestamps.readings(stamp, self.zone)
        except (ValueError, OverflowError):
            return ()


def read_logs(workspace: Workspace, window: Window) -> Iterator[LogFile]:
    """Yield every log in `system_logs/` but the product's own, with its levels in *window*."""
    try:
        names = set(os.listdir(workspace.logs))
    except OSError:
        return
    for name in sorted(names):
        if name.endswith(".log") and name not in OWN:
            parts = [workspace.logs / part for part in (name, f"{name}.1") if part in names]
            yield _read_log(name, parts, window, workspace.inside)


def branch_of(log: str, branches: tuple[Branch, ...]) -> str | None:
    """Return the branch that a log's name (`<branch>_<module>.log`) begins with, the longest that fits."""
    name = log.casefold()
    fitting = (
        b.name for b in branches if name.startswith((f"{b.name.casefold()}_", f"{b.name.casefold()}."))
    )
    return max(fitting, key=len, default=None)


def _read_log(name: str, parts: list[Path], window: Window, inside: str) -> LogFile:
    levels: Counter[str] = Counter()
    troubles, size = [], 0
    for part in parts:
        try:
            fd = open_regular(part, inside=inside)
        except OSError as error:
            troubles.append(f"{part.name} was skipped: {error}")
            continue
        try:
            size += os.fstat(fd).st_size if part.name == name else 0
            if not _count_end(fd, window, levels):
                troubles.append(f"{part.name}: only its last {LONGEST_TAIL} bytes were read")
        finally:
            os.close(fd)
    return LogFile(name=name, size=size, levels=dict(levels), trouble="; ".join(troubles))


def _count_end(fd: int, window: Window, levels: Counter[str]) -> bool:
    """Add the levels of the lines in *window* at the end of a log; False if it was too long to tell.

    It is read backwards, piece by piece: however long a log or a line, no more than a piece is in memory.
    """
    end = size = os.fstat(fd).st_size
    length, rest = FIRST_TAIL, b""
    while end and size - end < LONGEST_TAIL:
        start = max(end - length, 0)
        piece = _read_from(fd, start, end) + rest
        # What stands before the first newline belongs to a line that begins further up.
        cut = piece.find(b"\n") + 1 or len(piece)
        text = piece[cut:] if start else piece
        _count(text, window, levels)
        first = LINE.search(text)
        if first is not None and window.is_past(first[1].decode()):
            return True
        end, rest, length = start, piece[: min(cut, LONGEST_HEAD)], PIECE
    return end == 0


def _count(text: bytes, window: Window, levels: Counter[str]) -> None:
    held: dict[bytes, bool] = {}  # in a flood most lines are of the same second
    for line in LINE.finditer(text):
        level = LEVELS.get((line[2] or line[3] or line[4]).decode())
        if level:
            if line[1] not in held:
                held[line[1]] = window.holds(line[1].decode())
            if held[line[1]]:
                levels[level] += 1


def _read_from(fd: int, start: int, end: int) -> bytes:
    parts = []
    while start < end and (part := os.pread(fd, end - start, start)):
        parts.append(part)
        start += len(part)
    return b"".join(parts)
