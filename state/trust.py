"""Nothing runs that the user did not write: whose files we believe."""

import os
import stat
from pathlib import Path

from scheduled.errors import ConfigError


def warn_or_refuse(path: Path) -> list[str]:
    """Given a file or directory that decides what runs, return warnings about who else can write it.

    Raises ConfigError, with the fix, if it belongs to somebody else (but root) or everybody may write it, or
    if the directory it lies in does. A path that does not exist is not this function's business.
    """
    warnings: list[str] = []
    for place in (path, path.parent):
        try:
            found = place.stat()
        except OSError:
            continue
        _refuse(place, found)
        if found.st_mode & stat.S_IWGRP and found.st_gid != os.getegid():
            warnings.append(f"{place}: its group may write it; chmod g-w {place}")
    return warnings


def refuse_foreign(path: Path) -> None:
    """Raise ConfigError, with the fix, if what lies at *path* is not the user's (or root's) or anybody may write it."""
    try:
        found = path.stat()
    except OSError:
        return
    _refuse(path, found)


def _refuse(place: Path, found: os.stat_result) -> None:
    if found.st_uid not in (0, os.geteuid()):
        raise ConfigError(
            f"{place}: belongs to user {found.st_uid}, not to you; chown {os.geteuid()} {place}"
        )
    # A sticky directory such as /tmp lets nobody replace another user's files.
    shared = stat.S_ISDIR(found.st_mode) and found.st_mode & stat.S_ISVTX
    if found.st_mode & stat.S_IWOTH and not shared:
        raise ConfigError(f"{place}: everybody may write it; chmod o-w {place}")
