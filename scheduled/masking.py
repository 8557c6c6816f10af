"""Mask the secrets of a job in its output before the output is stored.

Two kinds of value are masked: those of all variables in an env_file, if they are too long to be an ordinary word such
as `true`, and those of all variables with the name of a secret, from any source.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any, AnyStr

MASKED = "***"
# Minimum length of a masked value: shorter values would mask ordinary words and numbers in the output.
LEAST, LEAST_OF_A_FILE = 4, 8
SECRET_PARTS = frozenset({"SECRET", "TOKEN", "PASSW", "PASSPHRASE", "CREDENTIAL"}) | {
    f"{what}{joint}KEY" for what in ("API", "ACCESS", "PRIVATE") for joint in ("", "_")
}
SECRET_ENDS = frozenset({"KEY", "PASS", "PW", "PWD", "DSN"})  # the last of the words joined by underscores
QUOTES = "'\""
ESCAPED = frozenset(QUOTES + "\\")
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
    """Return the values to mask in *environment* and in the env_file, as `in_all_forms` does."""
    by_name = {value for name, value in environment.items() if is_secret_name(name) and len(value) >= LEAST}
    of_file = {value for value in from_file.values() if len(value) >= LEAST_OF_A_FILE}
    return in_all_forms(by_name | of_file)


def in_all_forms(secrets: Iterable[str]) -> tuple[str, ...]:
    """Return *secrets*, and as programs write a value that has quotes, backslashes or line breaks; longest first."""
    return longest_first({form for secret in secrets for form in (secret, *_escaped(secret))})


def longest_first(secrets: Iterable[str]) -> tuple[str, ...]:
    """Return *secrets*, the longest first: one may contain another."""
    return tuple(sorted(secrets, key=lambda value: (-len(value), value)))


def _escaped(secret: str) -> Iterator[str]:
    """Yield the forms of *secret* in JSON and in a `repr` of Python, as in a traceback or a printed dict.

    Which quotes a `repr` escapes depends on the text around the secret, so each form is there with and without that.
    """
    if secret.isascii() and secret.isprintable() and not ESCAPED.intersection(secret):
        return
    import json  # few secrets have such characters

    yield from (json.dumps(secret, ensure_ascii=ascii_only)[1:-1] for ascii_only in (False, True))
    for written in (repr, ascii):
        plain = "".join(char if char in QUOTES else written(char)[1:-1] for char in secret)
        yield from (plain, plain.replace("'", "\\'"))


class Mask:
    """Replaces each of *secrets* by `***` at every occurrence; one mask covers occurrences that overlap.

    Whether a byte is masked depends only on the `reach` bytes before and after it, so that every part of an output, read
    with that context, is masked as the complete output would be.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._texts = list(dict.fromkeys(filter(None, secrets)))
        self._secrets = [os.fsencode(secret) for secret in self._texts]
        self.reach = max(map(len, self._secrets), default=1) - 1

    def __bool__(self) -> bool:
        return bool(self._secrets)

    def text(self, text: str) -> str:
        """Return *text* with secrets masked."""
        if not self._texts:
            return text  # most runs have no secrets
        parts, at = [], 0
        for start, end in _covered(text, self._texts):
            parts += [text[at:start], MASKED]
            at = end
        return "".join([*parts, text[at:]])

    def data(self, data: bytes) -> bytes:
        """Return *data*, which is a complete output, with secrets masked."""
        return self.part(data, 0, len(data), ended=True)

    def part(
        self, data: bytes, start: int, end: int, *, continued: bool = False, ended: bool = False
    ) -> bytes:
        """Return *data* from *start* to *end* with secrets masked, also those that *start* or *end* splits.

        *data* has `reach` bytes of context on both sides, unless the output begins or ends there. *continued*: the part
        before *start* was returned by an earlier call, with the mask of a secret that *start* splits. *ended*: the output
        ends with *data*; if this is the beginning of a secret, because the job was killed, that is masked too.
        """
        parts, at = [], start
        for first, last in _covered(data, self._secrets, self._unfinished(data) if ended else 0):
            if last > start and first < end:
                begins = first >= start or not continued
                parts += [data[at : max(first, start)], MASKED.encode() if begins else b""]
                at = min(last, end)
        return b"".join([*parts, data[at:end]])

    def occurs(self, data: bytes) -> bool:
        """Return whether a secret occurs in *data*, or is begun at its end."""
        return bool(self._unfinished(data)) or any(secret in data for secret in self._secrets)

    def _unfinished(self, data: bytes) -> int:
        begun = self.begun(data)
        return begun if begun >= LEAST else 0

    def begun(self, data: bytes) -> int:
        """Return how many bytes at the end of *data* may be the start of a secret."""
        return max((_overlap(data, secret) for secret in self._secrets), default=0)

    def stream(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        """Yield *pieces* with secrets masked, also secrets that are split between pieces.

        Bytes that may be the start of a secret are held back until the next piece.
        """
        kept, done = b"", 0
        for piece in pieces:
            kept += piece
            cut = len(kept) - self.begun(kept)
            yield self.part(kept, done, cut, continued=True)
            unneeded = max(0, cut - self.reach)
            kept, done = kept[unneeded:], cut - unneeded
        yield self.part(kept, done, len(kept), continued=True, ended=True)

    def head(self, data: bytes) -> int:
        """Return how many bytes of *data* may be kept if what follows is dropped: no secret is split."""
        cut = len(data) - self.begun(data)
        return next((start for start, end in _covered(data, self._secrets) if start < cut < end), cut)

    def tail(self, data: bytes) -> bytes:
        """Return *data* without what may be the end of a secret, of which the start was dropped."""
        cut = max((_overlap(data[::-1], secret[::-1]) for secret in self._secrets), default=0)
        return data[next((end for start, end in _covered(data, self._secrets) if start < cut < end), cut) :]


def _covered(text: AnyStr, secrets: Iterable[AnyStr], last: int = 0) -> list[tuple[int, int]]:
    """Return the spans of *text* in which *secrets* occur, in order; occurrences that overlap are one span.

    The *last* characters of the text count as an occurrence.
    """
    spans: list[tuple[int, int]] = []
    found: list[tuple[int, int]] = [(len(text) - last, len(text))] if last else []
    for secret in secrets:
        found += _occurrences(text, secret)
    for start, end in sorted(found):
        if spans and start < spans[-1][1]:
            spans[-1] = spans[-1][0], max(end, spans[-1][1])
        else:
            spans.append((start, end))
    return spans


def _occurrences(text: AnyStr, secret: AnyStr) -> Iterator[tuple[int, int]]:
    at = text.find(secret)
    while at >= 0:
        yield at, at + len(secret)
        at = text.find(secret, at + 1)


def _overlap(data: bytes, secret: bytes) -> int:
    """Return the length of the longest end of *data* that is the start of *secret*, and not all of it."""
    data = data[max(0, len(data) - len(secret) + 1) :]
    at = data.find(secret[:1])
    while at >= 0:
        # The comparison of a few bytes first: a long secret (a private key) has many possible starts.
        if secret.startswith(data[at : at + 16]) and secret.startswith(data[at:]):
            return len(data) - at
        at = data.find(secret[:1], at + 1)
    return 0


def in_texts(value: Any, change: Callable[[str], str]) -> Any:
    """Return a JSON-like *value* with *change* applied to every string in it, including keys."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, dict):
        return {in_texts(key, change): in_texts(inner, change) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [in_texts(inner, change) for inner in value]
    return value
