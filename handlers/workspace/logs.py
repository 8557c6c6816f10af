"""Counts errors and warnings in the branches' logs, reading backwards from the end until the lines are too old."""

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
from scheduled.state.beneath import names_in
from scheduled.state.files import SIZE_LIMIT, open_regular

# `TIME | name | LEVEL | text`, `TIME - name - LEVEL - text` or `TIME [LEVEL] text`; TIME may have a fraction.
# Only the level field counts: the text of an INFO line can contain the word ERROR.
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
# Bytes of the first read from the end of a log, of each further read, and of all reads of a log together.
FIRST_TAIL, PIECE, LONGEST_TAIL = 1 << 16, 1 << 20, SIZE_LIMIT
LONGEST_HEAD = 4096  # bytes at the start of a line that contain its time and level
# Timestamps are local: at the end of summer time one hour occurs twice with the same timestamps.
SLACK = timedelta(hours=1)


class LogFile(msgspec.Struct, frozen=True, kw_only=True):
    """One log: its *size* in bytes, and the number of lines per level in the window, its rotated part included."""

    name: str
    size: int
    levels: dict[str, int]
    problem: str = ""


class Window:
    """The time span in which lines count: after *start* and not after *end*, both in UTC."""

    def __init__(self, end: datetime, length: timedelta, zone: ZoneInfo) -> None:
        self.end, self.zone = end.astimezone(UTC), zone
        self.start = self.end - length

    def holds(self, stamp: str) -> bool:
        """Return whether a local *stamp* is in the window; for an ambiguous time, whether either instant is."""
        return any(self.start < at <= self.end for at in self._instants(stamp))

    def is_past(self, stamp: str) -> bool:
        """Return whether a line with *stamp*, and so all lines before it, are older than the window."""
        instants = self._instants(stamp)
        return bool(instants) and max(instants) < self.start - SLACK

    def _instants(self, stamp: str) -> tuple[datetime, ...]:
        try:
            return timestamps.instants(stamp, self.zone)
        except (ValueError, OverflowError):
            return ()


def read_logs(workspace: Workspace, window: Window) -> Iterator[LogFile]:
    """Yield every log in `system_logs/` except `scheduled.log`, with the number of lines per level in *window*."""
    try:
        names = set(names_in(workspace.logs, workspace.inside))
    except OSError:
        return
    for name in sorted(names):
        if name.endswith(".log") and name not in OWN:
            parts = [workspace.logs / part for part in (name, f"{name}.1") if part in names]
            yield _read_log(name, parts, window, workspace.inside)


def branch_of(log: str, branches: tuple[Branch, ...]) -> str | None:
    """Return the longest branch name that a log's name (`<branch>_<module>.log`) begins with, None if there is none."""
    name = log.casefold()
    matches = (
        b.name for b in branches if name.startswith((f"{b.name.casefold()}_", f"{b.name.casefold()}."))
    )
    return max(matches, key=len, default=None)


def _read_log(name: str, parts: list[Path], window: Window, inside: str) -> LogFile:
    levels: Counter[str] = Counter()
    problems, size = [], 0
    for part in parts:
        try:
            fd = open_regular(part, inside=inside)
        except OSError as error:
            problems.append(f"{part.name} was skipped: {error}")
            continue
        try:
            size += os.fstat(fd).st_size if part.name == name else 0
            if not _count_end(fd, window, levels):
                problems.append(f"{part.name}: only its last {LONGEST_TAIL:,} bytes were read")
        finally:
            os.close(fd)
    return LogFile(name=name, size=size, levels=dict(levels), problem="; ".join(problems))


def _count_end(fd: int, window: Window, levels: Counter[str]) -> bool:
    """Add the levels of a log's lines in *window* to *levels*. Return False if `LONGEST_TAIL` did not reach its start.

    The log is read backwards in pieces, so that long logs and long lines need little memory.
    """
    end = size = os.fstat(fd).st_size
    length, rest = FIRST_TAIL, b""
    while end and size - end < LONGEST_TAIL:
        start = max(end - length, 0)
        piece = _read_from(fd, start, end) + rest
        # The text before the first newline belongs to a line that begins in the piece before.
        cut = piece.find(b"\n") + 1 or len(piece)
        text = piece[cut:] if start else piece
        _count(text, window, levels)
        first = LINE.search(text)
        if first is not None and window.is_past(first[1].decode()):
            return True
        end, rest, length = start, piece[: min(cut, LONGEST_HEAD)], PIECE
    return end == 0


def _count(text: bytes, window: Window, levels: Counter[str]) -> None:
    in_window: dict[bytes, bool] = {}  # per timestamp: when a program logs much, many lines have the same one
    for line in LINE.finditer(text):
        level = LEVELS.get((line[2] or line[3] or line[4]).decode())
        if level:
            if line[1] not in in_window:
                in_window[line[1]] = window.holds(line[1].decode())
            if in_window[line[1]]:
                levels[level] += 1


def _read_from(fd: int, start: int, end: int) -> bytes:
    parts = []
    while start < end and (part := os.pread(fd, end - start, start)):
        parts.append(part)
        start += len(part)
    return b"".join(parts)
