"""The D-Bus interface org.scheduled.Scheduler1: call functions of `service` by name, with arguments as a JSON object."""

from collections.abc import Callable, Mapping
from typing import Annotated, Any

from dbus_fast.annotations import DBusBool, DBusSignature, DBusStr
from dbus_fast.service import ServiceInterface, dbus_method, dbus_signal

import scheduled
from scheduled import service
from scheduled.advice import complete
from scheduled.errors import ConfigError
from scheduled.instance import Instance
from scheduled.interfaces.dbus.caller import (
    Caller,
    Lifetime,
    bind,
    computed_property,
    nearest,
    parse_arguments,
)
from scheduled.interfaces.permissions import Permissions
from scheduled.notify.session_bus import SCHEDULER1
from scheduled.question import limited

TwoTexts = Annotated[tuple[str, str], DBusSignature("ss")]
Texts = Annotated[list[str], DBusSignature("as")]
# The arguments that each function takes from the bus. Others are refused: a parameter of `service` may name a file of the
# user, as `against` of `audit` does. Not listed are the functions that run a tick in the current process (`start`,
# `start_again` and `start_approved` start a process for it), and those that read or write files that the caller names (`apply`, `backup`, `restore`).
ARGUMENTS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("status", "incidents", "notices", "report", "check", "settings", "jobs"), ()),
    "audit": ("after", "until"),
    "job": ("name",),
    "upcoming": ("job", "limit", "together"),
    "explain": ("job", "at"),
    **dict.fromkeys(("forecast", "calendar"), ("first", "last", "outages", "job")),
    "dry_run": ("jobs", "slot"),
    "written": ("job",),
    "history": ("job", "since", "status", "limit"),
    "one_run": ("run_id",),
    "logs": ("name", "lines", "attempt"),
    "start": ("jobs", "wait"),
    "start_again": ("run_id", "wait"),
    "stop": ("run_id", "dry_run"),
    "skip": ("job", "slot", "undo", "dry_run"),
    "emit": ("name", "payload", "dry_run"),
    "pause": ("jobs", "until", "dry_run"),
    **dict.fromkeys(("resume", "enable", "disable", "unmute"), ("jobs", "dry_run")),
    "ack": ("names", "dry_run"),
    "mute": ("jobs", "until", "dry_run"),
    "add": ("name", "definition", "dry_run"),
    "edit": ("job", "changes", "dry_run"),
    "replace": ("job", "definition", "dry_run"),
    "remove": ("job", "dry_run"),
    "install": ("every", "dbus", "dry_run"),
    "uninstall": ("dry_run",),
    "start_approved": ("run", "wait"),
    "deny": ("run", "dry_run"),
}
NAMES = tuple(ARGUMENTS)
# They answer from the ledger if the configuration cannot be read.
FROM_LEDGER = frozenset((
    "status", "incidents", "notices", "report", "jobs", "job", "upcoming", "explain", "forecast", "history", "one_run", "logs",
))  # fmt: skip
# They only read, within the limits of `question`.
READS = FROM_LEDGER | {"check", "audit", "settings", "calendar", "dry_run", "written"}
GUARDED = {  # what the functions do that always need add_commands
    "remove": "remove jobs",
    "install": "write the crontab",
    "uninstall": "write the crontab",
}
EDITS = {"add": ("name", "definition"), "edit": ("job", "changes"), "replace": ("job", "definition")}
QUESTIONS: dict[str, Callable[..., Any]] = {name: getattr(service, name) for name in NAMES}


def ask(instance: Instance, question: str, arguments: Mapping[str, Any]) -> Any:
    """Call a function of `service` by name. Raise ConfigError if there is none or it has other arguments.

    Raise ForbiddenError if the call would change what a job executes and the configuration does not allow that.
    """
    if question not in QUESTIONS:
        raise ConfigError(f"no such function: {question!r}; {nearest(question, NAMES)}")
    function, instance.without_config = QUESTIONS[question], question in FROM_LEDGER
    given = bind(instance, question, function, arguments, ARGUMENTS[question])
    _need(question, given.arguments, Permissions(instance, "dbus", "add_commands"))
    if question not in READS:
        return function(*given.args, **given.kwargs)
    with limited():
        return function(*given.args, **given.kwargs)


def _need(question: str, given: Mapping[str, Any], permissions: Permissions) -> None:
    if question in GUARDED:
        permissions.need_for(GUARDED[question])
    if question in EDITS:
        permissions.need_change(question, *(given[name] for name in EDITS[question]))


@limited()
def config_error(instance: Instance) -> str:
    """Return why the configuration cannot be read; "" if it can be read."""
    instance.without_config = True
    service.now(instance)  # reads the configuration
    return instance.config_error


class Scheduler(ServiceInterface):
    """The methods, properties and signals of org.scheduled.Scheduler1."""

    def __init__(self, instance: Instance, lifetime: Lifetime) -> None:
        super().__init__(SCHEDULER1)
        self._caller = Caller(instance, lifetime)

    @dbus_method()
    async def Ask(self, question: DBusStr, arguments: DBusStr) -> DBusStr:
        """Call a function of `service` by name; return the JSON that the command line prints."""
        return await self._caller.call(lambda instance: ask(instance, question, parse_arguments(arguments)))

    @computed_property
    def Questions(self) -> Texts:
        """Return the names that `Ask` accepts."""
        return list(NAMES)

    @computed_property
    def ConfigError(self) -> DBusStr:
        """Return why the configuration cannot be read; `Ask` then answers from the ledger. "" if it can be read."""
        return complete(self._caller.read(config_error))

    @computed_property
    def Running(self) -> DBusBool:
        """Return whether ticks run on time."""
        return bool(self._caller.read(service.status)["ticks"]["running"])

    @computed_property
    def Version(self) -> DBusStr:
        """Return the version of scheduled."""
        return scheduled.__version__

    @dbus_signal()
    def Event(self, name: str, payload: str) -> TwoTexts:
        """Announce an event by its name; *payload* is its data as JSON."""
        return name, payload
