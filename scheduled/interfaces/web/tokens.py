"""The access token, kept in a private file, and the session cookie that a browser gets in exchange for it."""

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
MIN_LENGTH = 32  # characters: a shorter token could be guessed
MAX_FILE_SIZE = 4096  # bytes


class Key:
    """A token and its session cookie. The cookie is derived from the token, so a restart keeps browsers signed in."""

    def __init__(self, token: str) -> None:
        self.token = token
        self.session = hmac.new(token.encode(), b"scheduled web session", hashlib.sha256).hexdigest()

    def is_token(self, given: str) -> bool:
        """Return whether *given* is the token, comparing in constant time."""
        return hmac.compare_digest(given.encode(), self.token.encode())

    def is_session(self, given: str) -> bool:
        """Return whether *given* is the session cookie, comparing in constant time."""
        return hmac.compare_digest(given.encode(), self.session.encode())


class KeyFile:
    """The key in a state directory, read again whenever its file changes."""

    def __init__(self, state: Path) -> None:
        self._state = state
        self._version: tuple[int, ...] | None = None
        self._key: Key | None = None

    def key(self) -> Key:
        """Return the current key. If its file was deleted, return the last key that was read.

        Raise ConfigError or StateError if the file has changed and cannot be used. An older key is not accepted then.
        """
        version = self._file_version()
        if self._key is None or version not in ((), self._version):
            self._key, self._version = key(self._state), version
        return self._key

    def _file_version(self) -> tuple[int, ...]:
        """Return values that change whenever the file is replaced or written; () if there is no file."""
        try:
            found = (self._state / FILE).stat()
        except FileNotFoundError:
            return ()
        except OSError as error:
            raise StateError(f"{self._state / FILE}: {error.strerror}") from error
        return found.st_ino, found.st_mtime_ns, found.st_ctime_ns, found.st_size


def key(state: Path) -> Key:
    """Return the key of the state directory *state*; create it if there is none. Raise ConfigError or StateError."""
    path = state / FILE
    try:
        return Key(_read(path))
    except FileNotFoundError:
        return renew(state)
    except OSError as error:
        raise StateError(f"{path}: {error.strerror or error}") from error


def renew(state: Path) -> Key:
    """Write a new token and return its key; the old token and its cookie are no longer valid. Raise StateError."""
    path = state / FILE
    made = Key(secrets.token_urlsafe(MIN_LENGTH))
    try:
        write_atomically(path, f"{made.token}\n".encode(), mode=PRIVATE)
    except OSError as error:
        raise StateError(f"{path}: {error.strerror}") from error
    return made


def _read(path: Path) -> str:
    found = path.stat()
    if found.st_uid not in (0, os.geteuid()) or stat.S_IMODE(found.st_mode) & 0o077:
        raise ConfigError(
            f"{path}: other users may read or write the token; run `chmod 600 {path}`, or `scheduled web --new-token`"
        )
    token = read_regular(path, limit=MAX_FILE_SIZE).decode("ascii", errors="replace").strip()
    if len(token) < MIN_LENGTH:
        raise ConfigError(
            f"{path}: the token has fewer than {MIN_LENGTH} characters; `scheduled web --new-token` writes a new one"
        )
    return token
