"""What both interfaces on the bus have in common: JSON texts, errors with names, and nobody who waits for others."""

import inspect
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Any, Protocol, get_type_hints

import msgspec
from dbus_fast import DBusError, PropertyAccess
from dbus_fast.service import dbus_property

from scheduled.errors import BusyError, ConfigError, ForbiddenError, ScheduledError, UnknownError
from scheduled.instance import Instance
from scheduled.interfaces.threads import in_thread

ERRORS = {UnknownError: "Unknown", ForbiddenError: "Forbidden", ConfigError: "Invalid", BusyError: "Busy"}
YES = ("true", "1", "yes", "on")
NO = ("false", "0", "no", "off")


class Presence(Protocol):
    """Who has to know that somebody is being served."""

    def call(self) -> AbstractContextManager[None]:
        """Stay for as long as this takes."""
        raise NotImplementedError

    def shut_down(self) -> None:
        """Leave as soon as nobody is served any more."""


def looked_up(getter: Callable[[Any], Any]) -> Any:
    """Make a method a property that is found out when somebody asks: no signal tells of its changes."""
    made = dbus_property(access=PropertyAccess.READ)(getter)
    made.introspection.annotations["org.freedesktop.DBus.Property.EmitsChangedSignal"] = "false"
    return made


def text(document: Any) -> str:
    """Return a document as it travels."""
    return msgspec.json.encode(document).decode()


def read(arguments: str) -> dict[str, Any]:
    """Read a JSON object of arguments; an empty text is none. Raises ConfigError."""
    try:
        return msgspec.json.decode(arguments or "{}", type=dict[str, Any])
    except (msgspec.DecodeError, RecursionError) as error:
        raise ConfigError(f"arguments: write a JSON object: {error}") from None


def fitting(
    instance: Instance, name: str, question: Callable[..., Any], arguments: Mapping[str, Any]
) -> inspect.BoundArguments:
    """Give *question* arguments that came as JSON; raises ConfigError for those that it does not take."""
    hints = get_type_hints(question)
    given = {key: _as(f"{name}: {key}", value, hints.get(key, Any)) for key, value in arguments.items()}
    try:
        return inspect.signature(question).bind(instance, **given)
    except TypeError as error:
        raise ConfigError(f"{name}: {error}") from None


def _as(what: str, value: Any, wanted: Any) -> Any:
    try:
        return msgspec.convert(value, wanted)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{what}: {error}") from None


def boolean(word: str) -> bool:
    """Read a boolean that came as a text; raises ConfigError."""
    if word.strip().lower() in (*YES, *NO):
        return word.strip().lower() in YES
    raise ConfigError(f"write true or false, not {word!r}")


class Caller:
    """Asks questions for callers; a slow one holds up no other."""

    def __init__(self, instance: Instance, presence: Presence) -> None:
        self._instance = instance
        self.presence = presence

    @property
    def instance(self) -> Instance:
        """A place for one question."""
        return Instance(self._instance.config, self._instance.state)

    async def ask(self, question: Callable[[Instance], Any]) -> str:
        """Return the answer as JSON; raises DBusError."""
        with self.presence.call():
            try:
                return text(await in_thread(lambda: question(self.instance)))
            except ScheduledError as error:
                raise named(error) from None

    def look(self, question: Callable[[Instance], Any]) -> Any:
        """Return the answer to a quick question, for a property; raises DBusError."""
        try:
            return question(self.instance)
        except ScheduledError as error:
            raise named(error) from None


def named(error: ScheduledError) -> DBusError:
    """Return *error* as the bus tells it."""
    kind = next((name for known, name in ERRORS.items() if isinstance(error, known)), "Failed")
    return DBusError(f"org.scheduled.Error.{kind}", str(error))
