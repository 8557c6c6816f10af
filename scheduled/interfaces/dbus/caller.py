"""The common parts of both D-Bus interfaces: JSON texts, named errors, calls in threads and uncached properties."""

import difflib
import inspect
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol, get_type_hints

import msgspec
from dbus_fast import DBusError, PropertyAccess
from dbus_fast.service import dbus_property

from scheduled import question
from scheduled.advice import complete, complete_in
from scheduled.config.json_values import decoded
from scheduled.errors import (
    BusyError,
    ConfigError,
    ForbiddenError,
    ScheduledError,
    TooLongError,
    UnknownError,
)
from scheduled.instance import Instance
from scheduled.interfaces.threads import in_thread

ERRORS = {
    UnknownError: "Unknown",
    ForbiddenError: "Forbidden",
    ConfigError: "Invalid",
    TooLongError: "Invalid",
    BusyError: "Busy",
}
YES = ("true", "1", "yes", "on")
NO = ("false", "0", "no", "off")


class Lifetime(Protocol):
    """Decides how long the process serves the bus."""

    def call(self) -> AbstractContextManager[None]:
        """Keep the process running while a call is in progress."""
        raise NotImplementedError

    def shut_down(self) -> None:
        """Exit as soon as no call is in progress."""


def computed_property(getter: Callable[[Any], Any]) -> Any:
    """Return a read-only property that *getter* computes on every read; no signal announces its changes."""
    made = dbus_property(access=PropertyAccess.READ)(getter)
    made.introspection.annotations["org.freedesktop.DBus.Property.EmitsChangedSignal"] = "false"
    return made


def text(document: Any) -> str:
    """Return a document as JSON text, with the commands in its messages completed."""
    return msgspec.json.encode(complete_in(document)).decode()


def parse_arguments(arguments: str) -> dict[str, Any]:
    """Parse a JSON object of arguments; an empty text means no arguments. Raise ConfigError if it is not valid."""
    try:
        found: dict[str, Any] = decoded(arguments or "{}", dict[str, Any])
    except ConfigError as error:
        raise ConfigError(f"arguments: not a JSON object: {error}") from None
    return found


def bind(
    instance: Instance,
    name: str,
    function: Callable[..., Any],
    arguments: Mapping[str, Any] | Sequence[Any],
    known: Sequence[str] | None = None,
    *,
    strict: bool = True,
) -> inspect.BoundArguments:
    """Return *arguments*, decoded from JSON, bound to *function*: by name, or a sequence of them by position.

    *known* are the names that may be given, by default all parameters of *function* after the instance. Unless *strict*, a
    number may be a text. Raise ConfigError if the function does not accept them.
    """
    signature, hints = inspect.signature(function), get_type_hints(function)
    known = list(signature.parameters)[1:] if known is None else known
    for key in arguments if isinstance(arguments, Mapping) else ():
        if key not in known:
            raise ConfigError(f"{name}: {key}: unknown argument; {nearest(key, known)}")
    try:
        if isinstance(arguments, Mapping):
            given = signature.bind(instance, **arguments)
        else:
            given = signature.bind(instance, *arguments)
    except TypeError as error:
        raise ConfigError(f"{name}: {error}") from None
    for key in given.arguments.keys() - {next(iter(signature.parameters))}:
        given.arguments[key] = _as(f"{name}: {key}", given.arguments[key], hints.get(key, Any), strict=strict)
    return given


def nearest(name: str, known: Sequence[str]) -> str:
    """Return the advice for an unknown *name*: the most similar one of the *known* names, or all of them."""
    near = difflib.get_close_matches(name, known, n=1)
    return f"did you mean {near[0]}?" if near else f"use one of {', '.join(known)}" if known else "give none"


def _as(argument: str, value: Any, wanted: Any, *, strict: bool) -> Any:
    try:
        return msgspec.convert(value, wanted, strict=strict)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{argument}: {error}") from None


def boolean(word: str) -> bool:
    """Parse a boolean that was sent as text. Raise ConfigError if it is not one."""
    if word.strip().lower() in (*YES, *NO):
        return word.strip().lower() in YES
    raise ConfigError(f"not a boolean: {word!r}; write true or false")


class Caller:
    """Calls functions of `service` for the clients on the bus; a slow call does not block others."""

    def __init__(self, instance: Instance, lifetime: Lifetime) -> None:
        self._instance = instance
        self.lifetime = lifetime

    @property
    def instance(self) -> Instance:
        """A new Instance for one call."""
        return self._instance.for_client()

    async def call(self, function: Callable[[Instance], Any]) -> str:
        """Return the result of *function* as JSON text. Raise DBusError if it raises a ScheduledError."""
        with self.lifetime.call():
            try:
                return text(await in_thread(lambda: function(self.instance)))
            except ScheduledError as error:
                raise dbus_error(error) from None

    def read(self, function: Callable[[Instance], Any]) -> Any:
        """Return the result of a fast *function*, for a property; from the ledger if the configuration cannot be read.

        Raise DBusError if it raises a ScheduledError.
        """
        try:
            with question.limited():
                return function(readable(self.instance))
        except ScheduledError as error:
            raise dbus_error(error) from None


def readable(instance: Instance) -> Instance:
    """Return *instance* so that queries answer from the ledger if the configuration cannot be read."""
    instance.without_config = True
    return instance


def dbus_error(error: ScheduledError) -> DBusError:
    """Return the D-Bus error for *error*."""
    kind = next((name for known, name in ERRORS.items() if isinstance(error, known)), "Failed")
    return DBusError(f"org.scheduled.Error.{kind}", complete(str(error)))
