"""Keeping damaged files for the user under another name.

They get it before they lose their own: a crash in between loses none of them, and the next tick finds them damaged again.
"""

import os
from datetime import UTC, datetime
from pathlib import Path

from scheduled.errors import StateError


def name(path: Path, now: float) -> str:
    """Return the name under which a damaged file is kept that was found at *now* (UTC seconds)."""
    return f"{path}.damaged-{datetime.fromtimestamp(now, UTC):%Y%m%dT%H%M%SZ}"


def move(path: Path, now: float, suffixes: tuple[str, ...] = ("",)) -> str:
    """Move a damaged file aside, with those at its path and one of *suffixes* if they exist; return its new path.

    *now* is in UTC seconds. Raise StateError if it can't be moved.
    """
    aside = name(path, now)
    there = [suffix for suffix in suffixes if not suffix or os.path.lexists(f"{path}{suffix}")]
    try:
        kept = [suffix for suffix in there if keep(f"{path}{suffix}", f"{aside}{suffix}")]
        for suffix in kept:
            os.unlink(f"{path}{suffix}")
    except OSError as error:
        raise StateError(f"{path}: damaged, and can't be moved aside: {error.strerror}") from error
    return aside


def keep(path: str | Path, aside: str) -> bool:
    """Give the damaged file *path* the additional name *aside*: the file that replaces it then takes its first one.

    Return False if it was moved: directories, and file systems without hard links, have no second name. Raise OSError if
    neither is possible.
    """
    try:
        if os.path.lexists(aside) and not os.path.samestat(os.lstat(path), os.lstat(aside)):
            os.unlink(aside)  # of an earlier damage
        if not os.path.lexists(aside):
            os.link(path, aside, follow_symlinks=False)
    except OSError:
        os.replace(path, aside)
        return False
    return True
