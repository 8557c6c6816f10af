"""A supervisor's way to tell what happened: its tick's outcome file, and a poke for the runner to read it."""

import os
import time

from scheduled.execution.protocol import Record, encode
from scheduled.state.files import write_all

NEWS, CANNOT_WRITE = b".", b"!"  # what the runner is poked with
RETRY_DELAY = 1.0  # between tries to write outcomes on a full disk
SYNC_DELAY = 0.02  # outcomes of short jobs share an fsync; nobody waits for one longer than this


class ResultFile:
    """The records that a supervisor appends to the file open as *fd*; the runner is poked through *pokes*."""

    def __init__(self, fd: int, pokes: int) -> None:
        self._fd = fd
        self._pokes: int | None = pokes
        self._whole = os.fstat(fd).st_size  # of its lines; nobody else writes here
        self._unsynced: list[Record] = []
        self.sync_at = 0.0  # on the monotonic clock

    def pending(self) -> bool:
        """Tell whether something was told that is not durable yet."""
        return bool(self._unsynced)

    def tell(self, record: Record) -> None:
        """Have *record* written soon."""
        if not self._unsynced:
            self.sync_at = time.monotonic() + SYNC_DELAY
        self._unsynced.append(record)

    def sync(self, *, busy: bool) -> None:
        """Make what happened durable, then poke the runner; while jobs keep ending (*busy*), several share an fsync."""
        busy = busy or self.sync_at - time.monotonic() > SYNC_DELAY
        if self._unsynced and not (busy and time.monotonic() < self.sync_at):
            self.sync_now()

    def sync_now(self) -> bool:
        """Do so at once; return whether all that was told is durable."""
        if not self._unsynced:
            return True
        try:
            self._write_down(b"".join(encode(record) + b"\n" for record in self._unsynced))
        except OSError:
            # Nobody else knows how these jobs ended: stay, holding the tick's lock, until it can be written.
            self.sync_at = time.monotonic() + RETRY_DELAY
            self._poke(CANNOT_WRITE)
            return False
        self._unsynced.clear()
        self._poke(NEWS)
        return True

    def _write_down(self, lines: bytes) -> None:
        if os.fstat(self._fd).st_size > self._whole:
            os.ftruncate(self._fd, self._whole)  # half a line that could not be cut off when written
        try:
            write_all(self._fd, lines)
            os.fsync(self._fd)
        except OSError:
            os.ftruncate(self._fd, self._whole)
            raise
        self._whole += len(lines)

    def _poke(self, what: bytes) -> None:
        if self._pokes is not None:
            try:
                os.write(self._pokes, what)
            except BlockingIOError:
                return  # a runner that does not look has enough pokes waiting
            except BrokenPipeError:  # it is gone; the outcome file speaks to the next tick
                os.close(self._pokes)
                self._pokes = None
