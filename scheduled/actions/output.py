"""Keeping what a job prints within bounds: its beginning and its end, whatever lies between dropped."""

import os
from contextlib import suppress

from scheduled.state.files import write_all


class CappedOutput:
    """An attempt's output file, which the job writes by itself; *limit* bytes of it are kept."""

    def __init__(self, fd: int, limit: int) -> None:
        self.fd = fd
        self._limit = max(limit, 2)
        self._dropped = 0
        self._mark = 0  # the length of our own line about what was dropped
        self._size = 0

    def grew(self) -> bool:
        """Cut the file if it is far beyond its limit; return whether it grew since the last look."""
        size = os.fstat(self.fd).st_size
        grew = size > self._size
        # Cutting at twice the limit makes the copying rare however fast the job prints.
        if size > 2 * self._limit:
            self._cut(size)
        self._size = os.fstat(self.fd).st_size
        return grew

    def close(self) -> int:
        """Cut the file to its limit, close it (which frees the run's lock) and return how much was printed."""
        size = os.fstat(self.fd).st_size
        total = size - self._mark + self._dropped
        if size - self._mark > self._limit:
            self._cut(size)
        os.close(self.fd)
        return total

    def _cut(self, size: int) -> None:
        half = self._limit // 2
        # Where it can't be cut it stays too long: no reason to lose sight of the job.
        with suppress(OSError):
            tail = os.pread(self.fd, half, size - half)
            dropped = self._dropped + size - half - self._mark - len(tail)
            mark = b"\n[... %d bytes dropped ...]\n" % dropped
            os.ftruncate(self.fd, half)
            self._dropped, self._mark = dropped, len(mark)
            # The file is open for appending: what the job writes meanwhile lands behind this.
            write_all(self.fd, mark + tail)
