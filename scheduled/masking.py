"""Mask the secrets of a job in its output before the output is stored.

Two kinds of value are masked: those of all variables in an env_file, if they are too long to be an ordinary word such
as `true`, and those of all variables with the name of a secret, from any source.
"""

import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any

MASKED = "***"
# Minimum length of a masked value: shorter values would mask ordinary words and numbers in the output.
LEAST, LEAST_OF_A_FILE = 4, 8
CHUNK = 1 << 20
SECRET_PARTS = frozenset({"SECRET", "TOKEN", "PASSW", "PASSPHRASE", "CREDENTIAL"}) | {
    f"{what}{joint}KEY" for what in ("API", "ACCESS", "PRIVATE") for joint in ("", "_")
}
SECRET_ENDS = frozenset({"KEY", "PASS", "PW", "PWD", "DSN"})  # the last of the words joined by underscores
NOT_SECRET = frozenset({"PWD", "OLDPWD"})  # directories that the shell sets


@lru_cache(maxsize=4096)  # called for each variable of the environment, for each job
def is_secret_name(name: str) -> bool:
    """Return whether *name* is the name of a variable that holds a secret, such as API_TOKEN."""
    upper = name.upper()
    secret = upper.rpartition("_")[2] in SECRET_ENDS or any(part in upper for part in SECRET_PARTS)
    return secret and name not in NOT_SECRET


def without_secrets(env: Mapping[str, Any]) -> dict[str, Any]:
    """Return *env* with the value of every variable masked that has the name of a secret."""
    return {key: MASKED if is_secret_name(key) else value for key, value in env.items()}


def secrets_of(environment: Mapping[str, str], from_file: Mapping[str, str]) -> tuple[str, ...]:
    """Return the values to mask in *environment* and in the env_file, longest first: one may contain another."""
    by_name = {value for name, value in environment.items() if is_secret_name(name) and len(value) >= LEAST}
    of_file = {value for value in from_file.values() if len(value) >= LEAST_OF_A_FILE}
    return tuple(sorted(by_name | of_file, key=lambda value: (-len(value), value)))


class Mask:
    """Replaces each of *secrets* by `***`."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        longest_first = sorted(filter(None, secrets), key=len, reverse=True)
        self._secrets = [os.fsencode(secret) for secret in longest_first]
        self._find_text = re.compile("|".join(map(re.escape, longest_first)))
        self._find = re.compile(b"|".join(map(re.escape, self._secrets)))

    def __bool__(self) -> bool:
        return bool(self._secrets)

    def text(self, text: str) -> str:
        """Return *text* with secrets masked."""
        return self._find_text.sub(MASKED, text) if self else text

    def data(self, data: bytes) -> bytes:
        """Return *data* with secrets masked."""
        return self._find.sub(MASKED.encode(), data) if self else data

    def begun(self, data: bytes) -> int:
        """Return how many bytes at the end of *data* may be the start of a secret."""
        return max((_overlap(data, secret) for secret in self._secrets), default=0)

    def left_over(self, data: bytes) -> int:
        """Return how many bytes at the start of *data* may be the end of a secret."""
        return max((_overlap(data[::-1], secret[::-1]) for secret in self._secrets), default=0)

    def stream(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        """Yield *pieces* with secrets masked, also secrets that are split between two pieces.

        Bytes that may be the start of a secret are held back until the next piece.
        """
        rest = b""
        for piece in pieces:
            rest += piece
            cut = self.safe(rest)
            yield self.data(rest[:cut])
            rest = rest[cut:]
        yield self.data(rest)

    def safe(self, data: bytes) -> int:
        """Return how many bytes at the start of *data* can be masked independently of the bytes after *data*."""
        cut = len(data) - self.begun(data)
        for match in self._find.finditer(data):
            if match.start() < cut < match.end():
                return match.end()
        return cut

    def file(self, fd: int) -> None:
        """Mask the secrets in the file *fd* in place, which is possible because `***` is not longer than a secret."""
        if not self:
            return
        # The job writes through *fd* with O_APPEND, so that pwrite on it would append instead of overwriting.
        own = os.open(f"/proc/self/fd/{fd}", os.O_RDWR | os.O_CLOEXEC)
        try:
            size = os.fstat(own).st_size
            end = 0
            for piece in self.stream(_pieces(own, size)):
                end += os.pwrite(own, piece, end)
            if end < size:
                os.ftruncate(own, end)
        finally:
            os.close(own)


def _overlap(data: bytes, secret: bytes) -> int:
    longest = min(len(data), len(secret) - 1)
    return next((size for size in range(longest, 0, -1) if data.endswith(secret[:size])), 0)


def _pieces(fd: int, size: int) -> Iterator[bytes]:
    at = 0
    while at < size and (piece := os.pread(fd, min(CHUNK, size - at), at)):
        at += len(piece)
        yield piece


def in_texts(value: Any, change: Callable[[str], str]) -> Any:
    """Return a JSON-like *value* with *change* applied to every string in it, including keys."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, dict):
        return {in_texts(key, change): in_texts(inner, change) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [in_texts(inner, change) for inner in value]
    return value
