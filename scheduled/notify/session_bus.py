"""Facts on the session bus, for programs that listen: JobStarted and its like, from the ticks that cron starts too.

Where there is no bus, or no library for it, nothing is said. A bus that does not answer costs an invocation BOUND
once, and is not asked again.
"""

import os
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import msgspec

from scheduled.clock import stamp
from scheduled.core.events import Event

if TYPE_CHECKING:
    import socket

    from jeepney import Message

BOUND = 0.5  # seconds
PATHS = {"com.aiworkflow.BotCron": "/com/aiworkflow/BotCron", "org.scheduled.Scheduler1": "/org/scheduled/Scheduler1"}  # fmt: skip
BOT_CRON, OURS = PATHS
JOBS = {"job_started": "JobStarted", "job_completed": "JobCompleted", "job_failed": "JobFailed"}


def address() -> str | None:
    """Return where the session bus listens; cron sets no variable, so that the usual place is tried too."""
    given = os.environ.get("DBUS_SESSION_BUS_ADDRESS")
    if given is not None:
        return given if given.startswith("unix:") else None
    usual = f"/run/user/{os.geteuid()}/bus"
    try:
        return f"unix:path={usual}" if os.stat(usual).st_uid == os.geteuid() else None
    except OSError:
        return None


def why_none() -> str:
    """Say why there is no address."""
    given = os.environ.get("DBUS_SESSION_BUS_ADDRESS")
    if given is not None:
        return f"DBUS_SESSION_BUS_ADDRESS is {given!r}, and no unix: address"
    return "DBUS_SESSION_BUS_ADDRESS is not set, and /run/user has none of yours"


def signals(event: Event, zone: str) -> Iterator[tuple[str, str, str, tuple[Any, ...]]]:
    """Yield (interface, signal, signature, body) for everything that is said of an event."""
    payload = dict(event.payload)
    slot = payload.get("scheduled_for")
    if isinstance(slot, int):
        payload["scheduled_for"] = stamp(slot, zone)
    document = msgspec.json.encode(payload).decode()
    for interface in PATHS:
        yield interface, "Event", "ss", (event.name, document)
    if event.name in JOBS:
        named = str(payload.get("job", "")), str(payload.get("run_id", ""))
        last = {"job_completed": (document,), "job_failed": (str(payload.get("reason", "")),)}
        body = (*named, *last.get(event.name, ()))
        yield BOT_CRON, JOBS[event.name], "s" * len(body), body
    elif event.name == "scheduler_toggled":
        yield BOT_CRON, "SchedulerToggled", "b", (bool(payload["enabled"]),)


class Announcer:
    """A subscriber that tells the session bus of every event."""

    def __init__(self, zone: str) -> None:
        self._zone = zone
        self._line: Line | None = None
        self._silent = False

    def __call__(self, event: Event) -> None:
        """Say it; whatever is wrong with the bus is no trouble of ours."""
        if self._silent:
            return
        try:
            self._line = self._line or _dial()
            if self._line is not None:
                self._line.say(signals(event, self._zone))
        except (ImportError, OSError, ValueError, RuntimeError):
            self._line = None
        self._silent = self._line is None


def _dial() -> "Line | None":
    where = address()
    return None if where is None else Line(where)


def reload_services() -> None:
    """Have the bus read its service files again; where there is no bus there is nothing to do."""
    try:
        line = _dial()
        if line is not None:
            line.reload()
    except (ImportError, OSError, ValueError, RuntimeError):
        return


class Line:
    """A connection to the bus on which nothing is waited for longer than BOUND."""

    def __init__(self, where: str) -> None:
        from jeepney import Parser, message_bus
        from jeepney.bus import get_bus
        from jeepney.io.blocking import prep_socket

        self._parser = Parser()
        self._serial = 0
        deadline = time.monotonic() + BOUND
        self._socket: socket.socket = prep_socket(get_bus(where), timeout=BOUND)
        self._ask(message_bus.Hello(), deadline)

    def say(self, said: Iterator[tuple[str, str, str, tuple[Any, ...]]]) -> None:
        """Send signals; returns once the bus has them. Raises OSError if it does not take them in time."""
        from jeepney import DBusAddress, message_bus, new_signal

        deadline = time.monotonic() + BOUND
        for interface, name, signature, body in said:
            emitter = DBusAddress(PATHS[interface], interface=interface)
            self._send(new_signal(emitter, name, signature, body), deadline)
        self._ask(message_bus.GetId(), deadline)

    def reload(self) -> None:
        """Have the bus read its configuration again."""
        from jeepney import message_bus

        self._ask(message_bus.ReloadConfig(), time.monotonic() + BOUND)

    def _send(self, message: "Message", deadline: float) -> None:
        self._serial += 1
        self._socket.settimeout(_left(deadline))
        self._socket.sendall(message.serialise(serial=self._serial))

    def _ask(self, message: "Message", deadline: float) -> None:
        """Send a call and wait for its reply: all that was sent before has been taken by then."""
        self._send(message, deadline)
        while not self._is_answered():
            self._socket.settimeout(_left(deadline))
            data = self._socket.recv(4096)
            if not data:
                raise ConnectionError("the bus hung up")
            self._parser.add_data(data)

    def _is_answered(self) -> bool:
        from jeepney import HeaderFields

        while (message := self._parser.get_next_message()) is not None:
            if message.header.fields.get(HeaderFields.reply_serial) == self._serial:
                return True
        return False


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError("the bus does not answer")
    return left
