"""Our own interface, org.scheduled.Scheduler1: every question of `service` by its name, arguments as a JSON object."""

from collections.abc import Callable, Mapping
from typing import Annotated, Any

from dbus_fast.annotations import DBusBool, DBusSignature, DBusStr
from dbus_fast.service import ServiceInterface, dbus_method, dbus_signal

import scheduled
from scheduled import service
from scheduled.errors import ConfigError
from scheduled.instance import Instance
from scheduled.interfaces.dbus.caller import Caller, Presence, fitting, looked_up, read
from scheduled.interfaces.permissions import Permissions
from scheduled.notify.session_bus import OURS

TwoTexts = Annotated[tuple[str, str], DBusSignature("ss")]
Texts = Annotated[list[str], DBusSignature("as")]
# What makes a tick goes on in a process of its own (`start`, `start_again`); files are for who sits at them.
NAMES = (
    "status", "incidents", "notices", "report", "check", "audit", "settings",
    "jobs", "job", "upcoming", "explain", "forecast", "calendar", "plan", "written",
    "history", "logs", "start", "start_again", "stop", "skip", "emit",
    "pause", "resume", "enable", "disable", "add", "edit", "replace", "remove", "install", "uninstall",
)  # fmt: skip
QUESTIONS: dict[str, Callable[..., Any]] = {name: getattr(service, name) for name in NAMES}


def ask(instance: Instance, question: str, arguments: Mapping[str, Any]) -> Any:
    """Answer a question by name; raises ConfigError for one that there is not, or with other arguments."""
    if question not in QUESTIONS:
        raise ConfigError(f"no such question: {question!r}; there are {', '.join(QUESTIONS)}")
    found = QUESTIONS[question]
    given = fitting(instance, question, found, arguments)
    permissions = Permissions(instance, "dbus", "add_commands")
    for definition in ("definition", "changes"):
        permissions.need_harmless(given.arguments.get(definition, {}))
    return found(*given.args, **given.kwargs)


class Scheduler(ServiceInterface):
    """What is on the bus under that name."""

    def __init__(self, instance: Instance, presence: Presence) -> None:
        super().__init__(OURS)
        self._caller = Caller(instance, presence)

    @dbus_method()
    async def Ask(self, question: DBusStr, arguments: DBusStr) -> DBusStr:
        """Return the answer to a question as the JSON that the command line prints."""
        return await self._caller.ask(lambda instance: ask(instance, question, read(arguments)))

    @looked_up
    def Questions(self) -> Texts:
        """List what can be asked."""
        return list(NAMES)

    @looked_up
    def Running(self) -> DBusBool:
        """Say whether ticks come in time."""
        return bool(self._caller.look(service.status)["ticks"]["running"])

    @looked_up
    def Version(self) -> DBusStr:
        """Say which version of scheduled answers."""
        return scheduled.__version__

    @dbus_signal()
    def Event(self, name: str, payload: str) -> TwoTexts:
        """Say what has happened: its stable name, and what it is about as JSON."""
        return name, payload
