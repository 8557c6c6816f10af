"""Write records to the result file of a tick, and notify the tick through a pipe that it can read them."""

import os
import time
from contextlib import suppress

from scheduled.execution.protocol import Record, encode
from scheduled.state.files import write_all

NEW_RECORDS, CANNOT_WRITE = b".", b"!"  # bytes sent to the tick
RETRY_DELAY = 1.0  # seconds between attempts to write on a full disk
BEAT = 5.0  # seconds between the instants at which the supervisor shows that it lives
MOST = 64  # records that share an fsync


class ResultFile:
    """The result file, open as *fd*. *notify* is the pipe to the tick."""

    def __init__(self, fd: int, notify: int) -> None:
        self._fd = fd
        self._notify_fd: int | None = notify
        self._written = os.fstat(fd).st_size  # of all complete lines; no other process writes to this file
        self._unsynced: list[Record] = []
        self._appended_at = 0.0  # when the first of them was appended, on the monotonic clock
        self.sync_at = 0.0  # on the monotonic clock
        self._retry_at = 0.0  # after a failure
        self._beat_at = 0.0

    def pending(self) -> bool:
        """Return whether there are records that are not on disk yet."""
        return bool(self._unsynced)

    def beat(self) -> None:
        """Set the file's modification time, at most every `BEAT` seconds: it shows until when the jobs ran.

        If the supervisor is killed with them, there is no other evidence.
        """
        now = time.monotonic()
        if now >= self._beat_at:
            self._beat_at = now + BEAT
            with suppress(OSError):  # a full disk or a file system that became read-only
                os.utime(self._fd)

    def append(self, record: Record) -> None:
        """Add *record*; it is written by one of the next calls of `sync`."""
        if not self._unsynced:
            self._appended_at = time.monotonic()
        self._unsynced.append(record)

    def sync(self, within: float) -> None:
        """Write and fsync the records, then notify the tick; before *within* seconds only if they are many."""
        self.sync_at = max(self._retry_at, self._appended_at + within)
        is_many = len(self._unsynced) >= MOST and not self._retry_at
        if self._unsynced and (is_many or time.monotonic() >= self.sync_at):
            self.sync_now()

    def sync_now(self) -> bool:
        """Write and fsync the records immediately; return whether all are on disk."""
        if not self._unsynced:
            return True
        try:
            self._write(b"".join(encode(record) + b"\n" for record in self._unsynced))
        except OSError:
            # Only this process knows these results: it keeps them, and the lock of the tick, and retries.
            self._retry_at = self.sync_at = time.monotonic() + RETRY_DELAY
            self._notify(CANNOT_WRITE)
            return False
        self._unsynced.clear()
        self._retry_at = 0.0
        self._notify(NEW_RECORDS)
        return True

    def _write(self, lines: bytes) -> None:
        if os.fstat(self._fd).st_size > self._written:
            os.ftruncate(self._fd, self._written)  # a partial line that could not be removed earlier
        try:
            write_all(self._fd, lines)
            os.fsync(self._fd)
        except OSError:
            os.ftruncate(self._fd, self._written)
            raise
        self._written += len(lines)

    def _notify(self, message: bytes) -> None:
        if self._notify_fd is not None:
            try:
                os.write(self._notify_fd, message)
            except BlockingIOError:
                return  # the pipe is full, so the tick will be notified anyway
            except BrokenPipeError:  # the tick has ended; the next tick reads the result file
                os.close(self._notify_fd)
                self._notify_fd = None
