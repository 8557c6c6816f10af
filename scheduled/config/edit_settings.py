"""Read and edit the tables of scheduled.toml other than jobs, each by its name, for example `history` or `defaults`.

The name "" means the top level. Keys with dots name values in inner tables: `env.LANG` in `defaults`.
"""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import tomlkit

from scheduled.config.config import Config
from scheduled.config.edit import Edit, read, set_keys
from scheduled.config.json_values import DEEPEST, TOO_DEEP, refuse_odd
from scheduled.config.redaction import masked_table, unmasked
from scheduled.config.tables import SettingsTable
from scheduled.errors import ConfigError


def section(found: Config, name: str) -> dict[str, Any]:
    """Return the settings in the table *name*, with defaults and with secrets masked. Raise ConfigError if unknown."""
    known = msgspec.convert(found.written.settings, SettingsTable)
    if name == "":
        tables = msgspec.to_builtins(known)
        return {key: value for key, value in tables.items() if not isinstance(value, dict)}
    if name not in _sections():
        raise ConfigError(
            f"no such section: {name!r}; use one of {', '.join(_sections())}, jobs or jobs.NAME"
        )
    return masked_table(msgspec.to_builtins(getattr(known, name)))


def _sections() -> list[str]:
    tables = msgspec.to_builtins(SettingsTable())
    return [key for key, value in tables.items() if isinstance(value, dict) and key != "jobs"]


def change(config_file: Path, name: str, changes: Mapping[str, Any]) -> Edit:
    """Return the edit that sets keys of the table *name* and changes nothing else; None removes a key.

    Raise ConfigError if the change would affect more than these keys, or if no file can hold a value.
    """
    refuse_odd(changes)
    before = read(config_file) or b""
    document, expected = tomlkit.parse(before), tomllib.loads(before.decode())
    for tables in (document, expected):
        is_new = name and name not in tables
        table = tables.setdefault(name, {}) if name else tables
        set_keys(tables[name] if name else table, unmasked(changes, expected.get(name, {})))
        if is_new and not tables[name]:
            del tables[name]  # only keys were removed, of a table that is not there
    after = tomlkit.dumps(document).encode()
    if tomllib.loads(after.decode()) != expected:
        raise ConfigError(f"{config_file}: {name}: can only be changed with an editor")
    return Edit(config_file, before, after)


def nested(table: Mapping[str, Any], key: str, value: Any) -> dict[str, Any]:
    """Return the change of *table* that sets its *key*, which may name a value in inner tables; None removes it.

    Raise ConfigError if *key* has too many names.
    """
    if key.count(".") >= DEEPEST:
        raise ConfigError(f"{key[:40]}...: {TOO_DEEP}: at most {DEEPEST} names are read")
    first, dot, rest = key.partition(".")
    if not dot:
        return {key: value}
    inner = table.get(first)
    inner = inner if isinstance(inner, Mapping) else {}
    changed = {**inner, **nested(inner, rest, value)}
    return {first: {name: found for name, found in changed.items() if found is not None} or None}
