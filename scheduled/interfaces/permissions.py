"""The permissions of an interface. Every check loads the configuration, so that a change takes effect at once."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Literal

from scheduled import service
from scheduled.config.effects import Effect
from scheduled.errors import ConfigError, ForbiddenError
from scheduled.instance import Instance

ADDED_BY = "added_by"  # the label with the name of the interface that added a job
Permission = Literal["run", "override", "add"]
WHAT = {
    "run": "start runs",
    "override": "enable, disable or pause",
    "add": "add or remove jobs",
}

# The permission in `allow` that an effect of an edit needs. An interface without `allow` has all of them: its users may
# also start, stop and pause every job.
NEEDED: dict[str, Permission] = {
    "starts": "run",
    "schedules": "run",
    "enables": "override",
    "adds": "add",
    "removes": "add",
    "describes": "add",
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
        return self._instance.for_client()

    @property
    def may_write_commands(self) -> bool:
        """Whether the interface may change what jobs execute. Raises ConfigError."""
        return bool(self._setting(self._key))

    def remember(self) -> None:
        """Read what is allowed, for `need` with *last_known*. Do nothing if the configuration cannot be read."""
        with suppress(ConfigError):
            self._last_allowed = self._setting("allow")

    def need(
        self, permission: Permission | None, *, last_known: bool = False, jobs: Iterable[str] = ()
    ) -> None:
        """Raise ForbiddenError unless `allow` contains *permission*. None means reading, which is always allowed.

        If the configuration cannot be read, raise ConfigError; with *last_known* only if the permission was not in it when
        it was last read. The message names the *jobs* that the permission is about.
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
        names = ", ".join(dict.fromkeys(jobs))
        what = WHAT[permission] + (f" ({names})" if names else "")
        raise self._refused(what, f"allow = [{wanted}]")

    def need_change(self, command: str, *arguments: Any) -> None:
        """Raise ForbiddenError unless everything is allowed that `service.`*command* with *arguments* would do.

        The edit itself is examined, not the keys in *arguments* (`config/effects.py`). What is executed, and another
        interface's mark on a job, need the key of this interface; for the rest see `NEEDED`. Raise ConfigError if there is
        no such job, or if the edit can't be made.
        """
        found = service.effects(self.instance, command, *arguments)
        if executed := [effect.key or effect.job for effect in found if effect.kind == "executes"]:
            self.need_for(f"change what is executed ({', '.join(sorted(executed))})")
        if any(after not in (None, self._interface, before) for before, after in (e.added_by for e in found)):
            self.need_for(f"set labels.{ADDED_BY}")
        if hasattr(self._settings, "allow"):
            needed: dict[Permission | None, None] = dict.fromkeys(_needed(effect) for effect in found)
            for permission in needed:
                of_it = (effect for effect in found if _needed(effect) == permission)
                self.need(permission, jobs=(job for effect in of_it for job in effect.starts))

    def need_for(self, what: str) -> None:
        """Raise ForbiddenError, which names *what* the interface would do, unless it may change commands."""
        if not self.may_write_commands:
            raise self._refused(what, f"{self._key} = true")

    def signed(self, definition: Mapping[str, Any], **labels: str) -> dict[str, Any]:
        """Return the *definition* of a new job with *labels*, and with the name of the interface that adds it."""
        given = definition.get("labels")
        if given is not None and not isinstance(given, Mapping):
            raise ConfigError(f"labels: must be an object, got {given!r}")
        return {**definition, "labels": {**(given or {}), **labels, ADDED_BY: self._interface}}

    def need_own(self, job: str) -> None:
        """Raise ForbiddenError unless the interface added *job* and may remove it, UnknownError if there is no such job.

        The user may have written into the job what it executes: then the interface needs its key (see `need_change`).
        """
        labels = service.written(self.instance, job).get("labels")
        if not isinstance(labels, Mapping) or labels.get(ADDED_BY) != self._interface:
            raise ForbiddenError(
                f"{job}: the interface {self._interface} did not add this job, so it may not remove it; "
                f"use `scheduled remove {job}`"
            )
        self.need_change("remove", job)

    @property
    def _settings(self) -> Any:
        return getattr(service.interfaces(self.instance), self._interface)

    def _setting(self, key: str) -> Any:
        return getattr(self._settings, key)

    def _refused(self, what: str, setting: str) -> ForbiddenError:
        return ForbiddenError(
            f"the interface {self._interface} may not {what}; to allow it, set [{self._interface}] {setting} in "
            f"{self._instance.config_file}"
        )


def _needed(effect: Effect) -> Permission | None:
    """Return the permission that *effect* needs in addition to the key of the interface, if any."""
    own = effect.is_new and effect.kind in ("schedules", "enables", "describes")
    return "add" if own else NEEDED.get(effect.kind)
