"""Convert a parsed TOML table to its struct, with error messages that name the key."""

import re
from collections.abc import Sequence
from typing import Any, TypeVar

import msgspec

from scheduled.errors import ConfigError

T = TypeVar("T", bound=msgspec.Struct)

# msgspec's name of a type -> that of TOML. TOML has no null: a key that may be null may be left out.
TYPES = {
    "array": "a list",
    "bool": "a boolean",
    "date": "a date",
    "datetime": "a date and time",
    "float": "a number",
    "int": "an integer",
    "object": "a table",
    "str": "a string",
    "time": "a time",
}


def converted(document: Any, table: type[T], others: Sequence[str] = ()) -> T:
    """Return *document*, a parsed TOML table, as a *table*. Raise ConfigError with the key and the error.

    *others* are valid keys that are not fields of *table*: they are suggested for a misspelt key, too.
    """
    try:
        return msgspec.convert(document, table)
    except msgspec.ValidationError as error:
        raise ConfigError(describe_error(error, table, others)) from None


def describe_error(
    error: msgspec.ValidationError, table: type[msgspec.Struct], others: Sequence[str] = ()
) -> str:
    """Return msgspec's message as "key: error", with the allowed words or the most similar key, if any."""
    message, _, path = str(error).partition(" - at `$")
    key = re.sub(r"\[\.\.\.\]", "", path.strip("`").lstrip("."))
    unknown = re.search(r"unknown field `(.+)`", message)
    if unknown is None:
        message = _plain(message, table, key)
        return f"{key}: {message}" if key else message
    name = f"{key}.{unknown[1]}" if key else unknown[1]
    import difflib

    near = [] if key else difflib.get_close_matches(unknown[1], [*table.__struct_fields__, *others], n=1)
    return f"{name}: unknown key" + (
        f"; did you mean {near[0]}?" if near else "; correct its name or remove it"
    )


def _plain(message: str, table: type[msgspec.Struct], key: str) -> str:
    """Return msgspec's *message* about the value of *key* in the terms of TOML."""
    if wrong := re.fullmatch(r"Invalid enum value (.+)", message):
        return f"{wrong[1]} is not allowed{_allowed(table, key)}"
    if mismatch := re.fullmatch(r"Expected `(.+)`, got `(.+)`", message):
        expected = [TYPES.get(name, name) for name in mismatch[1].split(" | ") if name != "null"]
        return f"must be {' or '.join(expected)}, got {TYPES.get(mismatch[2], mismatch[2])}"
    return message


def _allowed(table: type[msgspec.Struct], key: str) -> str:
    """Return "; write one of ..." for a *key* of *table*, or of an inner table, with a type that lists its words."""
    from typing import get_args, get_type_hints

    name, _, inner = key.partition(".")
    hint = get_type_hints(table).get(name)
    kinds = get_args(hint) or (hint,)
    tables = [kind for kind in kinds if isinstance(kind, type) and issubclass(kind, msgspec.Struct)]
    if inner:
        return _allowed(tables[0], inner) if tables else ""
    words = [word for kind in kinds for word in (kind, *get_args(kind)) if isinstance(word, str)]
    return f"; write one of {', '.join(words)}" if words else ""
