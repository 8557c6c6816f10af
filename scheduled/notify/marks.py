"""Marks for notices that were delivered and are not yet recorded as such in the ledger.

If the ledger cannot be written, the notice is passed to its route again, perhaps hours later. The mailbox alone may not
show by then that it was delivered: its reader may have closed it, and the mail program deletes old closed mails.
"""

import os
import time
from contextlib import suppress
from pathlib import Path

from scheduled.schedules.zones import DAY

NAME = "delivered"
OLD = 60 * DAY  # seconds; longer than any notice stays in the outbox


class Marks:
    """The marks in the state directory: a directory that exists only while there are marks, with one file each."""

    def __init__(self, state: Path) -> None:
        self._directory = state / NAME

    def has(self, notice_id: str) -> bool:
        """Return whether the notice was delivered."""
        return (self._directory / notice_id).exists()

    def put(self, notice_id: str) -> None:
        """Mark a notice as delivered. Without space for the mark, the mailbox remains the evidence."""
        with suppress(OSError):
            self._directory.mkdir(mode=0o700, exist_ok=True)
            (self._directory / notice_id).touch(mode=0o600)

    def drop(self, notice_id: str) -> None:
        """Remove the mark of a notice, and marks that no outbox can need any more."""
        with suppress(OSError):
            (self._directory / notice_id).unlink()
        with suppress(OSError):
            for entry in os.scandir(self._directory):
                if entry.stat(follow_symlinks=False).st_mtime < time.time() - OLD:
                    os.unlink(entry.path)
            self._directory.rmdir()
