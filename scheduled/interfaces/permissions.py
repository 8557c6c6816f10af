"""May this interface do that? The configuration is asked with every call: what is taken back is gone at once."""

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


class Permissions:
    """What the table [*interface*] of the configuration allows; *key* is its key for what is executed."""

    def __init__(self, instance: Instance, interface: str, key: str) -> None:
        self._instance, self._interface, self._key = instance, interface, key

    @property
    def instance(self) -> Instance:
        """An instance for one question."""
        return Instance(self._instance.config, self._instance.state)

    @property
    def may_write_commands(self) -> bool:
        """Tell whether the interface may say what is executed. Raises ConfigError."""
        return bool(self._setting(self._key))

    def need(self, permission: Permission | None) -> None:
        """Raise ForbiddenError unless `allow` has *permission*; None is looking, which is always allowed."""
        if permission is None or permission in self._setting("allow"):
            return
        wanted = ", ".join(f'"{word}"' for word in (*self._setting("allow"), permission))
        raise self._refused(f"can't {WHAT[permission]}", f"allow = [{wanted}]")

    def need_harmless(self, definition: Mapping[str, Any]) -> None:
        """Raise ForbiddenError if *definition* says, or changes, what is executed and that is not allowed."""
        keys = service.executable_keys(definition)
        if keys and not self.may_write_commands:
            raise self._refused(f"can't change what is executed ({', '.join(keys)})", f"{self._key} = true")

    def _setting(self, key: str) -> Any:
        return getattr(getattr(service.interfaces(self.instance), self._interface), key)

    def _refused(self, what: str, setting: str) -> ForbiddenError:
        return ForbiddenError(
            f"the interface {self._interface} {what}: [{self._interface}] {setting} in "
            f"{self._instance.config_file} allows it"
        )
