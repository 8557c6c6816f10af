"""Whether the configuration is sound: the answer of `check`."""

from typing import Any

from scheduled.config.check import checked
from scheduled.instance import Instance


def check(instance: Instance) -> dict[str, Any]:
    """Return every fault and doubt in the configuration; raises ConfigError if it can't be read at all."""
    return checked(instance.config_file, instance.paths)
