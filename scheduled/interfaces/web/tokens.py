"""Who may come in: a token in a file of its owner's, and the cookie that a browser gets in exchange for it."""

import hashlib
import hmac
import os
import secrets
import stat
from pathlib import Path

from scheduled.errors import ConfigError, StateError
from scheduled.state.files import read_regular, write_atomically

FILE = "web-token"
PRIVATE = 0o600
LEAST = 32  # characters: shorter ones could be guessed
MOST = 4096


class Key:
    """A token and what follows from it. Equal tokens make equal cookies, so that a restart signs nobody out."""

    def __init__(self, token: str) -> None:
        self.token = token
        self.session = hmac.new(token.encode(), b"scheduled web session", hashlib.sha256).hexdigest()

    def is_token(self, given: str) -> bool:
        """Compare in constant time."""
        return hmac.compare_digest(given.encode(), self.token.encode())

    def is_session(self, given: str) -> bool:
        """Compare in constant time."""
        return hmac.compare_digest(given.encode(), self.session.encode())


class KeyFile:
    """The key in a state directory: looked at anew whenever its file is another one."""

    def __init__(self, state: Path) -> None:
        self._state = state
        self._seen: tuple[int, ...] | None = None
        self._key: Key | None = None

    def key(self) -> Key:
        """Return the key as it is now; raises ConfigError, StateError, and nobody is let in by an older one.

        While there is no file nobody has made another: it stays the one that was.
        """
        seen = self._look()
        if self._key is None or seen not in ((), self._seen):
            self._key, self._seen = key(self._state), seen
        return self._key

    def _look(self) -> tuple[int, ...]:
        try:
            found = (self._state / FILE).stat()
        except FileNotFoundError:
            return ()
        except OSError as error:
            raise StateError(f"{self._state / FILE}: {error.strerror}") from error
        return found.st_ino, found.st_mtime_ns, found.st_ctime_ns, found.st_size


def key(state: Path) -> Key:
    """Return the key of this state directory, made at first use; raises ConfigError, StateError."""
    path = state / FILE
    try:
        return Key(_read(path))
    except FileNotFoundError:
        return renew(state)
    except OSError as error:
        raise StateError(f"{path}: {error.strerror or error}") from error


def renew(state: Path) -> Key:
    """Make a new token: whoever had the old one, or its cookie, is out."""
    path = state / FILE
    made = Key(secrets.token_urlsafe(LEAST))
    try:
        write_atomically(path, f"{made.token}\n".encode(), mode=PRIVATE)
    except OSError as error:
        raise StateError(f"{path}: {error.strerror}") from error
    return made


def _read(path: Path) -> str:
    found = path.stat()
    if found.st_uid not in (0, os.geteuid()) or stat.S_IMODE(found.st_mode) & 0o077:
        raise ConfigError(f"{path}: others may read or write the token; chmod 600 {path}, or --new-token")
    token = read_regular(path, limit=MOST).decode("ascii", errors="replace").strip()
    if len(token) < LEAST:
        raise ConfigError(
            f"{path}: is no token of {LEAST} characters or more; `scheduled web --new-token` makes one"
        )
    return token
