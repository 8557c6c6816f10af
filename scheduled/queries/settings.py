"""Settings of `scheduled.toml` that do not belong to a job, and the available handlers."""

from typing import TYPE_CHECKING, Any

import msgspec

from scheduled import clock
from scheduled.clock import stamp
from scheduled.config.kept_zone import load_kept
from scheduled.instance import Instance
from scheduled.queries.last_known import config_of

if TYPE_CHECKING:
    from scheduled.config.tables import InterfacesTable

SETTINGS = (
    "timezone",
    "workspace",
    "max_parallel",
    "max_runs",
    "max_event_runs",
    "max_minutes",
    "keep_days",
    "keep_runs",
    "sender",
)


def settings(instance: Instance) -> dict[str, Any]:
    """Return the global settings, defaults included. Raise ConfigError if the configuration cannot be read."""
    found = load_kept(instance)
    values = {name: msgspec.to_builtins(getattr(found, name), enc_hook=str) for name in SETTINGS}
    return {"path": str(found.path), **values}


def section(instance: Instance, name: str) -> dict[str, Any]:
    """Return the settings in a table of scheduled.toml ("": at its top level), defaults included.

    Raise ConfigError if there is no such table, or the configuration cannot be read.
    """
    from scheduled.config import edit_settings

    return edit_settings.section(load_kept(instance), name)


def interfaces(instance: Instance) -> "InterfacesTable":
    """Return the permissions of the interfaces. Raise ConfigError if the configuration cannot be read."""
    return load_kept(instance).interfaces


def now(instance: Instance) -> str:
    """Return the current time (RFC 3339) in the configured zone. Raise ConfigError as `settings` does."""
    return stamp(int(clock.now()), config_of(instance).timezone) or ""


def handler_names() -> list[str]:
    """Return the sorted names of all handlers, built-in and installed."""
    from scheduled.handlers import registry

    return sorted(registry.names())
