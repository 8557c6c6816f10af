"""What the configuration lets agents do."""

from collections.abc import Mapping
from typing import Any, Literal

from scheduled import service
from scheduled.errors import ForbiddenError
from scheduled.instance import Instance

Permission = Literal["run", "toggle", "add"]
WHAT = {
    "run": "start runs",
    "toggle": "enable, disable or pause",
    "add": "add or remove jobs",
}


class Permits:
    """Asks `[mcp]`, anew for every call: what is taken back is gone at once."""

    def __init__(self, instance: Instance) -> None:
        self._instance = instance

    @property
    def instance(self) -> Instance:
        """A place for one question."""
        return Instance(self._instance.config, self._instance.state)

    def need(self, permission: Permission | None) -> None:
        """Raise ForbiddenError unless agents may do that; None is looking, which they always may."""
        allowed = service.interfaces(self.instance).mcp.allow
        if permission is not None and permission not in allowed:
            wanted = ", ".join(f'"{word}"' for word in (*allowed, permission))
            raise ForbiddenError(
                f"agents may not {WHAT[permission]}: in {self._instance.config_file}, [mcp] allow = [{wanted}] lets them"
            )

    def need_harmless(self, definition: Mapping[str, Any]) -> None:
        """Raise ForbiddenError if a job says what is executed, unless agents may write commands."""
        keys = service.executable_keys(definition)
        if keys and not service.interfaces(self.instance).mcp.add_commands:
            raise ForbiddenError(
                f"agents may not say what is executed ({', '.join(keys)}): in {self._instance.config_file}, "
                "[mcp] add_commands = true lets them"
            )
