"""The permissions of an interface. Every check loads the configuration, so that a change takes effect at once."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, Literal

from scheduled import service
from scheduled.errors import ConfigError, ForbiddenError
from scheduled.instance import Instance

ADDED_BY = "added_by"  # the label with the name of the interface that added a job
Permission = Literal["run", "override", "add"]
WHAT = {
    "run": "start runs",
    "override": "enable, disable or pause",
    "add": "add or remove jobs",
}


class Permissions:
    """The permissions in the table [*interface*] of the configuration.

    *key* is the key of that table which allows the interface to change what a job executes.
    """

    def __init__(self, instance: Instance, interface: str, key: str) -> None:
        self._instance, self._interface, self._key = instance, interface, key
        self._last_allowed: Sequence[str] = ()

    @property
    def instance(self) -> Instance:
        """A new Instance for one call."""
        return Instance(self._instance.config, self._instance.state)

    @property
    def may_write_commands(self) -> bool:
        """Whether the interface may change what jobs execute. Raises ConfigError."""
        return bool(self._setting(self._key))

    def remember(self) -> None:
        """Read what is allowed, for `need` with *last_known*. Do nothing if the configuration cannot be read."""
        with suppress(ConfigError):
            self._last_allowed = self._setting("allow")

    def need(self, permission: Permission | None, *, last_known: bool = False) -> None:
        """Raise ForbiddenError unless `allow` contains *permission*. None means reading, which is always allowed.

        If the configuration cannot be read, raise ConfigError; with *last_known* only if the permission was not in it when
        it was last read.
        """
        if permission is None:
            return
        try:
            self._last_allowed = self._setting("allow")
        except ConfigError:
            if last_known and permission in self._last_allowed:
                return
            raise
        if permission in self._last_allowed:
            return
        wanted = ", ".join(f'"{word}"' for word in (*self._setting("allow"), permission))
        raise self._refused(WHAT[permission], f"allow = [{wanted}]")

    def need_harmless(self, definition: Mapping[str, Any], job: str = "") -> None:
        """Raise ForbiddenError if *definition* sets a key that determines what is executed and that is not allowed.

        The label with the interface that added a job is such a key too, because it decides which one may remove it:
        it may only be that of this interface, or the one that *job* has.
        """
        self._need_none_of(service.executable_keys(definition))
        signature = _signature(definition)
        if signature not in (None, self._interface) and signature != self._signature_of(job):
            self.need_for(f"set labels.{ADDED_BY}")

    def need_harmless_replacement(self, job: str, definition: Mapping[str, Any]) -> None:
        """Raise ForbiddenError if replacing the table of *job* sets, changes or removes such a key."""
        before = service.written(self.instance, job)
        after = {**dict.fromkeys(before), **definition}
        self.need_harmless({key: value for key, value in after.items() if before.get(key) != value}, job)

    def need_harmless_settings(self, section: str, changes: Mapping[str, Any]) -> None:
        """Raise ForbiddenError if *changes* of a table of settings decide what is executed, or who may change it."""
        self._need_none_of(service.executable_settings(section, changes))

    def need_for(self, what: str) -> None:
        """Raise ForbiddenError, which names *what* the interface would do, unless it may change commands."""
        if not self.may_write_commands:
            raise self._refused(what, f"{self._key} = true")

    def _need_none_of(self, keys: Sequence[str]) -> None:
        if keys:
            self.need_for(f"change what is executed ({', '.join(keys)})")

    def signed(self, definition: Mapping[str, Any], **labels: str) -> dict[str, Any]:
        """Return the *definition* of a new job with *labels*, and with the name of the interface that adds it."""
        given = definition.get("labels")
        if given is not None and not isinstance(given, Mapping):
            raise ConfigError(f"labels: must be an object, got {given!r}")
        return {**definition, "labels": {**(given or {}), **labels, ADDED_BY: self._interface}}

    def need_own(self, job: str) -> None:
        """Raise ForbiddenError unless the interface added *job*, UnknownError if there is no such job."""
        if self._signature_of(job) != self._interface:
            raise ForbiddenError(
                f"{job}: the interface {self._interface} did not add this job, so it may not remove it; "
                f"use `scheduled remove {job}`"
            )

    def _signature_of(self, job: str) -> Any:
        return _signature(service.written(self.instance, job)) if job else None

    def _setting(self, key: str) -> Any:
        return getattr(getattr(service.interfaces(self.instance), self._interface), key)

    def _refused(self, what: str, setting: str) -> ForbiddenError:
        return ForbiddenError(
            f"the interface {self._interface} may not {what}; to allow it, set [{self._interface}] {setting} in "
            f"{self._instance.config_file}"
        )


def _signature(definition: Mapping[str, Any]) -> Any:
    """Return the label `added_by` of a job's table, or of changes to it; None if it has none."""
    labels = definition.get("labels")
    return labels.get(ADDED_BY) if isinstance(labels, Mapping) else None
