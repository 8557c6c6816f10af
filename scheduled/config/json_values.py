"""Values that come as JSON from programs, and that a TOML file has to hold."""

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from scheduled.errors import ConfigError

DEEPEST = 20  # levels of tables and lists in a value; the deepest valid key of a job has three
READABLE = 950  # levels of a document
TOO_DEEP = "nested too deeply"
TOO_DEEP_WHY = f"{TOO_DEEP}: at most {DEEPEST} levels of tables and lists are read"
DEEP = re.compile(
    rf'(?:\s*[\[{{](?:\s*"[^"]{{0,100}}"\s*:)?){{{DEEPEST + 1}}}'
)  # brackets, and keys between them


def decoded(text: bytes | str, kind: Any = Any) -> Any:
    """Return the value of a JSON *text*.

    Raise ConfigError with the reason if it is not JSON, if a key of an object occurs twice in it, or if it is not of the type
    *kind*.
    """
    try:
        found = msgspec.json.decode(text, type=kind)
    except RecursionError:
        raise ConfigError(TOO_DEEP) from None
    except (msgspec.DecodeError, UnicodeError) as error:
        raise ConfigError(str(error)) from None
    if _has_levels(
        found, READABLE
    ):  # whether the decoder raises RecursionError depends on the version of Python
        raise ConfigError(TOO_DEEP)
    refuse_repeated(text)
    return found


def refuse_repeated(text: bytes | str) -> None:
    """Raise ConfigError, which names the key, if an object in a JSON *text* has a key twice: one of its values would be lost."""
    key = repeated(text)
    if key is not None:
        raise ConfigError(f"{key}: occurs twice in one object; write it once")


def repeated(text: bytes | str) -> str | None:
    """Return the first key that occurs twice in one object of a JSON *text*; None if there is none, or if it is not JSON."""
    import json

    found: list[str] = []

    def read(pairs: list[tuple[str, Any]]) -> None:
        known: set[str] = set()
        found.extend(key for key, _ in pairs if key in known or known.add(key))  # type: ignore[func-returns-value]

    try:
        json.loads(text, object_pairs_hook=read, parse_int=len, parse_float=len)
    except (ValueError, RecursionError):
        return None
    return found[0] if found else None


def _has_levels(value: Any, number: int) -> bool:
    """Return whether *value* has more than *number* levels of tables and lists."""
    level = [value]
    for _ in range(number):
        level = [inner for found in level for inner in _inside(found)]
    return bool(level)


def refuse_deep(key: str, text: str) -> None:
    """Raise ConfigError, which names *key*, if *text* begins with more brackets than a value may have levels.

    It is then no text that is meant as such, but a value that is nested too deeply, complete or not.
    """
    if DEEP.match(text):
        raise ConfigError(f"{key}: {TOO_DEEP_WHY}")


def refuse_odd(table: Mapping[str, Any]) -> None:
    """Raise ConfigError, which names the key, if a value of *table* has a null inside it, or is nested too deeply.

    A value that is null as a whole is not refused: it removes the key, or means that the key is not given.
    """
    for key, value in table.items():
        level = [value] if isinstance(value, dict | list) else []
        for _ in range(DEEPEST):
            level = [inner for found in level for inner in _inside(found)]
            if any(inner is None for inner in level):
                raise ConfigError(f"{key}: has a null inside it; leave it out, or write a value")
        if level:
            raise ConfigError(f"{key}: {TOO_DEEP_WHY}")


def _inside(value: Any) -> list[Any]:
    if isinstance(value, Mapping):
        return list(value.values())
    return value if isinstance(value, list) else []
