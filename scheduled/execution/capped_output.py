"""Keeping what a job prints within bounds: its beginning and its end, whatever lies between dropped."""

import os
from contextlib import suppress

from scheduled.masking import Mask
from scheduled.state.files import write_all


class CappedOutput:
    """An attempt's output file, which the job writes by itself; *limit* bytes of it are kept, *mask*ed in the end."""

    def __init__(self, fd: int, limit: int, mask: Mask | None = None) -> None:
        self.fd = fd
        self._mask = mask or Mask()
        self._limit = max(limit, 2)
        self._dropped = 0
        self._note = 0  # the length of our own line about what was dropped
        self._size = 0
        self._head: int | None = None  # how much of the beginning is kept, once the file was cut

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
        """Cut the file to its limit, mask it, close it (which frees the run's lock); return how much was printed."""
        size = os.fstat(self.fd).st_size
        total = size - self._note + self._dropped
        if size - self._note > self._limit:
            self._cut(size)
        self._mask.file(self.fd)
        os.close(self.fd)
        return total

    def _cut(self, size: int) -> None:
        half = self._limit // 2
        # Where it can't be cut it stays too long: no reason to lose sight of the job.
        with suppress(OSError):
            head = self._head
            if head is None:  # half a secret could not be told any more
                head = half - self._mask.begun(os.pread(self.fd, half, 0))
            tail = os.pread(self.fd, half, size - half)
            tail = tail[self._mask.left_over(tail) :]
            late = os.fstat(self.fd).st_size - size  # what came since goes too
            dropped = self._dropped + size + late - head - self._note - len(tail)
            note = b"\n[... %d bytes dropped ...]\n" % dropped
            os.ftruncate(self.fd, head)
            self._head, self._dropped, self._note = head, dropped, len(note)
            # The file is open for appending: what the job writes meanwhile lands behind this.
            write_all(self.fd, note + tail)
