"""Secrets that a job was given, taken out of what it says before anything of that is kept.

Whose value is masked: every variable of an env_file, if it is long enough not to be a word like `true`; and
every variable, wherever it comes from, whose name says that it is a secret.
"""

import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any

MASKED = "***"
# Shorter ones would mask ordinary words and numbers wherever they stand.
LEAST, LEAST_OF_A_FILE = 4, 8
CHUNK = 1 << 20
TELLING = frozenset({"SECRET", "TOKEN", "PASSW", "PASSPHRASE", "CREDENTIAL"}) | {
    f"{what}{joint}KEY" for what in ("API", "ACCESS", "PRIVATE") for joint in ("", "_")
}
TELLING_ENDS = frozenset({"KEY", "PASS", "PW", "PWD", "DSN"})  # as the last of words joined by underscores
NOT_TELLING = frozenset({"PWD", "OLDPWD"})  # the shell's directories


@lru_cache(maxsize=4096)  # the environment's names are asked for every job
def is_secret_name(name: str) -> bool:
    """Return whether the name of a variable says that its value is a secret."""
    upper = name.upper()
    telling = upper.rpartition("_")[2] in TELLING_ENDS or any(word in upper for word in TELLING)
    return telling and name not in NOT_TELLING


def without_secrets(env: Mapping[str, Any]) -> dict[str, Any]:
    """Return variables with the values of those masked whose names say that they are secrets."""
    return {key: MASKED if is_secret_name(key) else value for key, value in env.items()}


def secrets_of(environment: Mapping[str, str], from_file: Mapping[str, str]) -> tuple[str, ...]:
    """Return the values to be masked, the longest first: a secret may be part of another one."""
    telling = {value for name, value in environment.items() if is_secret_name(name) and len(value) >= LEAST}
    written = {value for value in from_file.values() if len(value) >= LEAST_OF_A_FILE}
    return tuple(sorted(telling | written, key=lambda value: (-len(value), value)))


class Mask:
    """Replaces *secrets* by `***`."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        longest_first = sorted(filter(None, secrets), key=len, reverse=True)
        self._secrets = [os.fsencode(secret) for secret in longest_first]
        self._find_text = re.compile("|".join(map(re.escape, longest_first)))
        self._find = re.compile(b"|".join(map(re.escape, self._secrets)))

    def __bool__(self) -> bool:
        return bool(self._secrets)

    def text(self, said: str) -> str:
        """Return *said* without secrets."""
        return self._find_text.sub(MASKED, said) if self else said

    def data(self, said: bytes) -> bytes:
        """Return *said* without secrets."""
        return self._find.sub(MASKED.encode(), said) if self else said

    def begun(self, said: bytes) -> int:
        """Return how many bytes at the end of *said* may be the beginning of a secret."""
        return max((_overlap(said, secret) for secret in self._secrets), default=0)

    def left_over(self, said: bytes) -> int:
        """Return how many bytes at the start of *said* may be the end of a secret."""
        return max((_overlap(said[::-1], secret[::-1]) for secret in self._secrets), default=0)

    def stream(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        """Yield *pieces* without secrets, also where one is torn between two; what may begin one is held back."""
        rest = b""
        for piece in pieces:
            rest += piece
            cut = self.safe(rest)
            yield self.data(rest[:cut])
            rest = rest[cut:]
        yield self.data(rest)

    def safe(self, said: bytes) -> int:
        """Return up to where *said* can be masked without knowing what follows."""
        cut = len(said) - self.begun(said)
        for match in self._find.finditer(said):
            if match.start() < cut < match.end():
                return match.end()
        return cut

    def file(self, fd: int) -> None:
        """Mask the file behind *fd* where it lies: `***` is never longer than what it stands for."""
        if not self:
            return
        # The descriptor that a job writes by appends wherever it is told to write.
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


def _overlap(said: bytes, secret: bytes) -> int:
    longest = min(len(said), len(secret) - 1)
    return next((size for size in range(longest, 0, -1) if said.endswith(secret[:size])), 0)


def _pieces(fd: int, size: int) -> Iterator[bytes]:
    at = 0
    while at < size and (piece := os.pread(fd, min(CHUNK, size - at), at)):
        at += len(piece)
        yield piece


def in_texts(value: Any, change: Callable[[str], str]) -> Any:
    """Return a value that JSON can hold with *change* made to every text in it, names included."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, dict):
        return {in_texts(key, change): in_texts(inner, change) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [in_texts(inner, change) for inner in value]
    return value
