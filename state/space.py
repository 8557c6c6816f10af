"""Whether a file system has room for what a tick writes."""

import os
from pathlib import Path

# The least that a tick needs: SQLite's index of the write-ahead log, a few pages of the log, and a snapshot.
SMALLEST_SPACE = 200_000  # bytes
FEWEST_FILES = 8


def full_or_read_only(directory: Path) -> str | None:
    """Return a message if the file system of *directory* is full or read-only; None if it can be written."""
    try:
        found = os.statvfs(directory)
    except OSError:
        return None
    blocks, names = (found.f_bfree, found.f_ffree) if os.geteuid() == 0 else (found.f_bavail, found.f_favail)
    if found.f_flag & os.ST_RDONLY:
        return f"the file system of {directory} is read-only"
    if found.f_blocks and blocks * found.f_frsize < SMALLEST_SPACE:  # some file systems report no size
        return f"no space left on the file system of {directory}"
    if found.f_files and names < FEWEST_FILES:
        return f"no inodes left on the file system of {directory}"
    return None
