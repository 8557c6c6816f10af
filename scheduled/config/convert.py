"""A table as TOML has it -> the struct it is written for, or words for what is wrong with it."""

import re
from collections.abc import Sequence
from typing import Any, TypeVar

import msgspec

from scheduled.errors import ConfigError

T = TypeVar("T", bound=msgspec.Struct)


def converted(written: Any, table: type[T], others: Sequence[str] = ()) -> T:
    """Return *written* as a *table*; raises ConfigError with the key and what is wrong with it.

    *others* are keys that are read elsewhere: a misspelt key may be meant for one of them.
    """
    try:
        return msgspec.convert(written, table)
    except msgspec.ValidationError as error:
        raise ConfigError(describe_error(error, table, others)) from None


def describe_error(
    error: msgspec.ValidationError, table: type[msgspec.Struct], others: Sequence[str] = ()
) -> str:
    """Turn msgspec's message into "key: what is wrong", with a suggestion where a key is misspelt."""
    message, _, path = str(error).partition(" - at `$")
    key = re.sub(r"\[\.\.\.\]", "", path.strip("`").lstrip("."))
    unknown = re.search(r"unknown field `(.+)`", message)
    if unknown is None:
        message += _allowed(table, key) if message.startswith("Invalid enum value") else ""
        return f"{key}: {message}" if key else message
    name = f"{key}.{unknown[1]}" if key else unknown[1]
    import difflib

    near = [] if key else difflib.get_close_matches(unknown[1], [*table.__struct_fields__, *others], n=1)
    return f"{name}: unknown key" + (f"; did you mean {near[0]}?" if near else "")


def _allowed(table: type[msgspec.Struct], key: str) -> str:
    """Return which words a key, or one of a table in *table*, may have, as far as that is told by its type."""
    from typing import get_args, get_type_hints

    name, _, inner = key.partition(".")
    hint = get_type_hints(table).get(name)
    kinds = get_args(hint) or (hint,)
    tables = [kind for kind in kinds if isinstance(kind, type) and issubclass(kind, msgspec.Struct)]
    if inner:
        return _allowed(tables[0], inner) if tables else ""
    words = [word for kind in kinds for word in (kind, *get_args(kind)) if isinstance(word, str)]
    return f"; write one of {', '.join(words)}" if words else ""
