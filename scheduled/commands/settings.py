"""`set_section`: change settings of scheduled.toml that do not belong to a job."""

from collections.abc import Mapping
from typing import Any

from scheduled.commands.keeping import keep
from scheduled.config import edit_settings
from scheduled.instance import Instance


def set_section(
    instance: Instance, section: str, changes: Mapping[str, Any], *, dry_run: bool = False
) -> dict[str, Any]:
    """Set keys of the table *section* of scheduled.toml ("": the top level); the value None removes a key.

    Raise ConfigError, with nothing changed, if the configuration would not be valid.
    """
    change = edit_settings.change(instance.config_file, section, changes)
    return {"section": section, **keep(instance, change, dry_run=dry_run)}
