"""Convert a parsed TOML table to its struct, with error messages that name the key."""

import re
import typing
from collections.abc import Sequence
from typing import Any, TypeVar

import msgspec

from scheduled.errors import ConfigError

T = TypeVar("T", bound=msgspec.Struct)

FREE = "[...]"  # in a path of msgspec: a name in a table of which the names are free
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
        raise ConfigError(describe_error(error, table, others, document)) from None


def describe_error(
    error: msgspec.ValidationError,
    table: type[msgspec.Struct],
    others: Sequence[str] = (),
    document: Any = None,
) -> str:
    """Return msgspec's message as "key: error", with the allowed words or the most similar key, if any.

    With the *document* in which the error is, the key is complete, also in a table of which the names are free.
    """
    message, _, path = str(error).partition(" - at `$")
    key = path.strip("`").lstrip(".")
    if key.endswith(FREE):
        key = f"{key.removesuffix(FREE)}{_wrong_name(document, table, key.removesuffix(FREE))}"
    key = key.replace(FREE, "")
    unknown = re.search(r"unknown field `(.+)`", message)
    if unknown is None:
        message = _plain(message, table, key)
        return f"{key}: {message}" if key else message
    name = f"{key}.{unknown[1]}" if key else unknown[1]
    import difflib

    inner = _table_of(table, key)
    known = [*(inner.__struct_encode_fields__ if inner is not None else ()), *(() if key else others)]
    near = difflib.get_close_matches(unknown[1], known, n=1)
    return f"{name}: unknown key" + (
        f"; did you mean {near[0]}?" if near else "; correct its name or remove it"
    )


def _wrong_name(document: Any, table: type[msgspec.Struct], key: str) -> str:
    """Return, after a dot, the first name in the inner table *key* of *document* with a value of a wrong type; "" if not found."""
    outer, _, last = key.rpartition(".")
    holder, found = _table_of(table, outer), document
    for name in key.split("."):
        found = found.get(name) if isinstance(found, dict) else None
    if holder is None or not isinstance(found, dict):
        return ""
    for name, value in found.items():
        try:
            msgspec.convert({name: value}, typing.get_type_hints(holder).get(last, Any))
        except msgspec.ValidationError:
            return f".{name}"
    return ""


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
    outer, _, name = key.rpartition(".")
    found = _table_of(table, outer)
    kinds = _kinds(found, name) if found is not None else ()
    words = [word for kind in kinds for word in (kind, *typing.get_args(kind)) if isinstance(word, str)]
    return f"; write one of {', '.join(words)}" if words else ""


def _table_of(table: type[msgspec.Struct], key: str) -> type[msgspec.Struct] | None:
    """Return the type of the inner table *key* of *table*, or *table* itself for ""; None if it has no type of its own."""
    found: type[msgspec.Struct] | None = table
    for name in re.sub(r"\[\d+\]", "", key).split(".") if key else ():
        kinds = _kinds(found, name) if found is not None else ()
        found = next(
            (kind for kind in kinds if isinstance(kind, type) and issubclass(kind, msgspec.Struct)), None
        )
    return found


def _kinds(table: type[msgspec.Struct], name: str) -> tuple[Any, ...]:
    """Return the types that the key *name* of *table* may have."""
    fields = dict(
        zip(table.__struct_encode_fields__, table.__struct_fields__, strict=True)
    )  # `else` is `otherwise`
    hint = typing.get_type_hints(table).get(fields.get(name, name))
    return typing.get_args(hint) or (hint,)
