"""What may be written through the web: nothing that is executed, unless the configuration says so."""

from collections.abc import Mapping
from typing import Any

from scheduled import service
from scheduled.errors import ForbiddenError
from scheduled.service import Instance


def may_edit(place: Instance) -> bool:
    """Tell whether commands may be written; the configuration is asked each time, and has the last word."""
    return service.interfaces(place).web.allow_edit


def permit(place: Instance, table: Mapping[str, Any]) -> None:
    """Raise ForbiddenError if *table* says, or changes, what is executed, and that may not be."""
    keys = service.executable_keys(table)
    if keys and not may_edit(place):
        raise ForbiddenError(
            f"{', '.join(keys)}: what is executed is not written through the web, unless {place.config_file} says "
            "[web] allow_edit = true"
        )
