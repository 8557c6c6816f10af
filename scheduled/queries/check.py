"""`check`: whether the configuration is valid."""

from typing import Any

from scheduled.config.check import checked, with_lines
from scheduled.instance import Instance


def check(instance: Instance) -> dict[str, Any]:
    """Return all errors and warnings about the configuration, with their lines. Raise ConfigError if it cannot be read."""
    return with_lines(checked(instance.config_file, instance.paths))
