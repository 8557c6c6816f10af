"""The one-time codes in the printed addresses: each signs in one browser, once.

A code is a file in the state directory, named by a digest that depends on the access token. The first removal of the file
wins, so that a code works once even with several servers, and a new token makes all older codes invalid.
"""

import hashlib
import hmac
import os
import secrets
import stat
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO

from scheduled.errors import StateError
from scheduled.interfaces.web.tokens import Key

DIRECTORY = "web-sign-in"
LIFETIME = 24 * 3600  # seconds in which a code can be used
MOST = 20  # unused codes; beyond that the oldest is removed
BYTES = 32


def new_code(state: Path, key: Key, now: Callable[[], float] = time.time) -> str:
    """Create a code for the server of the state directory *state* and return it. Raise StateError."""
    code, directory = secrets.token_urlsafe(BYTES), state / DIRECTORY
    try:
        directory.mkdir(mode=0o700, exist_ok=True)
        _remove_old(directory, now())
        os.close(
            os.open(
                directory / _digest(key, code), os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600
            )
        )
    except OSError as error:
        raise StateError(
            f"{directory}: {error.strerror}; check the directory and the space on its disk"
        ) from error
    return code


def redeem(state: Path, key: Key, code: str, now: Callable[[], float] = time.time) -> bool:
    """Use up a code. Return whether it was valid: created with *key*, not used before, and not too old."""
    path = state / DIRECTORY / _digest(key, code)
    try:
        created = path.lstat().st_mtime
        path.unlink()
    except OSError:  # another request was faster, or there is no such code
        return False
    return now() - created <= LIFETIME


def is_private(stream: IO[str] | None) -> bool:
    """Return whether only the user reads what is written to *stream*: a terminal, a pipe, or a file with such a mode.

    A socket leads to the journal, which others may read.
    """
    try:
        fd = -1 if stream is None else stream.fileno()
        mode = os.fstat(fd).st_mode
    except (OSError, ValueError):
        return False
    if stat.S_ISREG(mode):
        return not stat.S_IMODE(mode) & 0o077
    return stat.S_ISFIFO(mode) or os.isatty(fd)


def _digest(key: Key, code: str) -> str:
    return hmac.new(
        key.token.encode(), b"sign-in " + code.encode(errors="replace"), hashlib.sha256
    ).hexdigest()


def _remove_old(directory: Path, now: float) -> None:
    """Remove the codes that are too old, and those that are too many."""
    found = sorted(((path.lstat().st_mtime, path) for path in directory.iterdir()), reverse=True)
    for number, (created, path) in enumerate(found):
        if now - created > LIFETIME or number >= MOST - 1:
            with suppress(OSError):
                path.unlink()
