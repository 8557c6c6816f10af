"""Moving damaged files aside, so that they are kept for the user."""

import os
from datetime import UTC, datetime
from pathlib import Path

from scheduled.errors import StateError


def move(path: Path, now: float, suffixes: tuple[str, ...] = ("",)) -> str:
    """Move a damaged file aside, with those at its path and one of *suffixes* if they exist; return its new path.

    *now* is in UTC seconds. Raise StateError if it can't be moved.
    """
    aside = f"{path}.damaged-{datetime.fromtimestamp(now, UTC):%Y%m%dT%H%M%SZ}"
    try:
        for suffix in suffixes:
            if not suffix or os.path.exists(f"{path}{suffix}"):
                os.replace(f"{path}{suffix}", f"{aside}{suffix}")
    except OSError as error:
        raise StateError(f"{path}: damaged, and can't be moved aside: {error.strerror}") from error
    return aside
