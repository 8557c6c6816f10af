"""Limit the size of a job's output: keep its beginning and its end, and drop the middle."""

import os
from contextlib import suppress
from typing import TYPE_CHECKING

from scheduled.masking import Mask
from scheduled.state.files import write_all

if TYPE_CHECKING:
    from scheduled.execution.search import Search

READS = 5  # of a job that prints without a pause, what comes after these is dropped
FLOOD = 16 << 20  # bytes; this much beyond twice the limit is cut while the job prints


class CappedOutput:
    """An attempt's output file, to which the job writes directly through *fd*.

    At most *limit* bytes of it are kept, half from the beginning and half from the end. No secret of *mask* is split:
    half of it could not be masked. The file stays well below *file_size*, a limit with which the system would end the job.
    """

    def __init__(self, fd: int, limit: int, mask: Mask | None = None, file_size: int | None = None) -> None:
        self.fd = fd
        self._mask = mask or Mask()
        self._limit = max(limit, 2)
        self._flood = FLOOD if file_size is None else min(FLOOD, max(0, file_size // 2 - 2 * self._limit))
        self._dropped = 0
        self._note = 0  # length of the inserted line that gives the number of dropped bytes
        self._size = 0
        self.search: Search | None = None  # what is dropped is searched before
        self._head: int | None = None  # length of the beginning that is kept; None before the first cut

    def grew(self) -> bool:
        """Return whether the file grew since the last call. Cut it if it is too long and the job pauses, or it is a flood.

        What the job prints at the moment of the cut would be lost: often its last words, the reason of a failure.
        """
        size = os.fstat(self.fd).st_size
        grew = size > self._size
        # Cutting only at twice the limit keeps copies rare.
        if size > 2 * self._limit + (self._flood if grew else 0):
            keep = self._limit // 2 if self.search is None else self.search.may_cut(size, self._limit // 2)
            if keep is not None:
                self._cut(size, keep)
        self._size = os.fstat(self.fd).st_size
        return grew

    def end(self, length: int) -> str:
        """Return the last *length* bytes as text. It is not masked."""
        size = os.fstat(self.fd).st_size
        return os.pread(self.fd, length, max(0, size - length)).decode(errors="replace")

    def close(self) -> int:
        """Cut the file to its limit and close it, which releases the run's lock.

        Return the number of bytes that the job printed.
        """
        size = os.fstat(self.fd).st_size
        total = size - self._note + self._dropped
        if size - self._note > self._limit:
            self._cut(size, self._limit // 2)
        os.close(self.fd)
        return total

    def _cut(self, size: int, keep: int) -> None:
        """Drop the middle of the output, but not its last *keep* bytes."""
        half = self._limit // 2
        # If it can't be cut, the file stays too long: that must not end the supervision of the job.
        with suppress(OSError):
            head = self._head
            if head is None:
                head = self._mask.head(os.pread(self.fd, half, 0))
            tail, size = self._end_of(size, keep)
            os.ftruncate(self.fd, head)
            dropped = self._dropped + size - head - self._note - len(tail)
            note = b"\n[... %d bytes dropped ...]\n" % dropped
            self._head, self._dropped, self._note = head, dropped, len(note)
            # The job has the file open with O_APPEND, so its next output follows this text.
            write_all(self.fd, note + tail)
            if self.search is not None:
                self.search.cut(size - len(tail) - head - len(note))

    def _end_of(self, size: int, keep: int) -> tuple[bytes, int]:
        """Return what stays of the end of the output, of *size* bytes so far, and its size when nothing more was printed.

        What a job prints while this reads is its newest output, often its last words: it is read as well. The last call
        looks for more, so that hardly anything can come before the file is cut.
        """
        end, tail = os.pread(self.fd, keep, size - keep), b""
        for _ in range(READS):
            tail = self._mask.tail(end)
            more = os.pread(self.fd, self._limit, size)
            if not more:
                break
            size += len(more)
            end = end + more if self.search is not None else (end + more)[-keep:]
        return tail, size
