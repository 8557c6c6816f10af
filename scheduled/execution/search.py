"""Search the output of an attempt for regular expressions, line by line, in child processes.

An expression may take for ever on some line: it must never hold up the supervisor. A child has a limit of processor time.
"""

import os
import re
import resource
import signal
from collections.abc import Iterator, Sequence

from scheduled.execution.process import detach, signal_group

LONGEST_LINE = 1 << 16  # bytes; of a longer line each piece of this length is searched
CHUNK = 1 << 20  # bytes of one read
LEAST_CPU = 5  # seconds of processor time for a search, and one more for each `PER_SECOND` bytes
PER_SECOND = 4 << 20
FAR_BEHIND = 64 << 20  # bytes; if a job prints that much more during a search, the rest of it is given up
FAILED = 255  # the exit code of a child that did not end; otherwise it has a bit for each expression that was found


class Search:
    """The search for a line that matches, for each of *expressions*, in the file *fd* from *start* on; it may grow and be cut.

    Everything before the offset *at* was searched. *found*: of these a line matched. *failed*: a part could not be searched.
    """

    def __init__(self, fd: int, expressions: Sequence[str], start: int) -> None:
        self._fd = fd
        self._left = tuple(expressions)  # those that are not found
        self._pid: int | None = None
        self._end = 0
        self._is_final = self._was_searched = False  # since the last cut
        self.at = start
        self.found: set[str] = set()
        self.failed = False

    @property
    def is_over(self) -> bool:
        """Whether the rest of the output need not be searched."""
        return self.failed or not self._left

    def begin_last(self, size: int) -> int:
        """Start to search the rest of an output of *size* bytes that has ended; return the pid of the child, which the caller reaps.

        Raise OSError if there can be no process.
        """
        self.cancel()
        self._is_final = True
        return self._begin(size)

    def ended(self, code: int) -> None:
        """Note that the child has ended with the exit *code*."""
        self.failed = not 0 <= code < 1 << len(self._left)
        if not self.failed:
            self.found |= {one for number, one in enumerate(self._left) if code >> number & 1}
            self._left = tuple(one for one in self._left if one not in self.found)
        self.at, self._was_searched = self._end, True

    def may_cut(self, size: int, half: int) -> int | None:
        """Given that an output of *size* bytes is to be cut, return how many bytes of its end must stay, at least *half*.

        Return None if it has to wait, because what would be dropped is not searched yet.
        """
        if self._is_final:
            return None
        self._reap()
        if self.is_over or self.at >= size - half:
            return half
        if self._pid is not None:
            return None if size - self._end < FAR_BEHIND else self._given_up(half)
        if self._was_searched:
            return size - self.at
        try:
            end = self._end_of_lines(size)
            if end > self.at:
                self._pid = self._begin(end)
        except OSError:
            return self._given_up(half)
        return None

    def _begin(self, end: int) -> int:
        self._end = end
        pid = os.fork()
        if pid == 0:
            _be_searcher(self._fd, self._left, self.at, end)
        return pid

    def _given_up(self, half: int) -> int:
        self.cancel()
        self.failed = True
        return half

    def cut(self, removed: int) -> None:
        """Note that what was behind the middle of the output is *removed* bytes nearer to its beginning, after a cut."""
        self.at, self._was_searched = max(0, self.at - removed), False

    def cancel(self) -> None:
        """End the child, if one still runs; what it was to search is not searched."""
        if self._pid is not None:
            signal_group(self._pid, signal.SIGKILL)
            os.kill(self._pid, signal.SIGKILL)  # it may not lead its group yet
            os.waitpid(self._pid, 0)
            self._pid = None

    def _reap(self) -> None:
        if self._pid is not None:
            pid, status = os.waitpid(self._pid, os.WNOHANG)
            if pid:
                self._pid = None
                self.ended(os.waitstatus_to_exitcode(status))

    def _end_of_lines(self, size: int) -> int:
        """Return the end of the last complete line before *size*; *size* itself if the last line is very long."""
        start = max(self.at, size - LONGEST_LINE)
        last = os.pread(self._fd, size - start, start).rfind(b"\n")
        if last >= 0:
            return start + last + 1
        return size if start > self.at else self.at


def _be_searcher(fd: int, expressions: Sequence[str], start: int, end: int) -> None:
    """Search in the forked child, with a limit of processor time; never return."""
    code = FAILED
    try:
        detach(fd)
        seconds = LEAST_CPU + (end - start) // PER_SECOND
        for limit, most in ((resource.RLIMIT_CPU, seconds), (resource.RLIMIT_CORE, 0)):
            hard = resource.getrlimit(limit)[1]
            resource.setrlimit(
                limit, (most, most) if hard == resource.RLIM_INFINITY else (min(most, hard), hard)
            )
        code = _found([re.compile(expression) for expression in expressions], _lines(fd, start, end))
    finally:
        os._exit(code)


def _found(patterns: Sequence[re.Pattern[str]], lines: Iterator[str]) -> int:
    """Return a number with a bit for each of *patterns* that matches one of *lines*."""
    left = dict(enumerate(patterns))
    for line in lines:
        for number in [number for number, pattern in left.items() if pattern.search(line)]:
            del left[number]
        if not left:
            break
    return sum(1 << number for number in range(len(patterns)) if number not in left)


def _lines(fd: int, start: int, end: int) -> Iterator[str]:
    """Yield the lines of a file between two offsets, without their ends; long lines in pieces."""
    rest = b""
    while start < end and (data := os.pread(fd, min(CHUNK, end - start), start)):
        start += len(data)
        *lines, rest = (rest + data).split(b"\n")
        for line in lines:
            yield from _pieces(line)
        while len(rest) > LONGEST_LINE:
            yield _text(rest[:LONGEST_LINE])
            rest = rest[LONGEST_LINE:]
    yield from _pieces(rest)


def _pieces(line: bytes) -> Iterator[str]:
    for at in range(0, len(line), LONGEST_LINE):
        yield _text(line[at : at + LONGEST_LINE])


def _text(line: bytes) -> str:
    return line.removesuffix(b"\r").decode(errors="replace")
