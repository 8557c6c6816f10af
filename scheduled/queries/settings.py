"""What the configuration says beside its jobs, and what there is to choose from."""

from typing import TYPE_CHECKING, Any

import msgspec

from scheduled import clock
from scheduled.clock import stamp
from scheduled.config.files import load_config
from scheduled.instance import Instance

if TYPE_CHECKING:
    from scheduled.config.tables import InterfacesTable

SETTINGS = (
    "timezone",
    "workspace",
    "max_parallel",
    "max_runs",
    "max_minutes",
    "keep_days",
    "keep_runs",
    "sender",
)


def settings(instance: Instance) -> dict[str, Any]:
    """Return what scheduled.toml says beside its jobs, defaults included. Raises ConfigError."""
    found = load_config(instance.config_file)
    values = {name: msgspec.to_builtins(getattr(found, name), enc_hook=str) for name in SETTINGS}
    return {"path": str(found.path), **values}


def interfaces(instance: Instance) -> "InterfacesTable":
    """Return what the configuration lets interfaces do. Raises ConfigError."""
    return load_config(instance.config_file).interfaces


def now(instance: Instance) -> str:
    """Say what time it is (RFC 3339), in the zone of the configuration. Raises ConfigError."""
    return stamp(int(clock.now()), load_config(instance.config_file).timezone) or ""


def handler_names() -> list[str]:
    """List the handlers there are, built-in and installed, by name."""
    from scheduled.handlers import registry

    return sorted(registry.names())
