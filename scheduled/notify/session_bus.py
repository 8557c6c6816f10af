"""Emit events as D-Bus signals (JobStarted and others) on the session bus, also from the ticks that cron starts.

Signals are best effort. Without a bus, or without the library for it, none are emitted. A bus that does not answer
delays a process by TIMEOUT once; the process then emits no more signals.
"""

import os
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import msgspec

from scheduled.advice import complete_in
from scheduled.clock import stamp
from scheduled.core.events import PUBLISHED, Event

if TYPE_CHECKING:
    import socket

    from jeepney import Message

TIMEOUT = 0.5  # seconds
PATHS = {"com.aiworkflow.BotCron": "/com/aiworkflow/BotCron", "org.scheduled.Scheduler1": "/org/scheduled/Scheduler1"}  # fmt: skip
BOT_CRON, SCHEDULER1 = PATHS
STATUSES = {
    "job_started": "running",
    "job_completed": "success",
    "job_failed": "failed",
    "job_skipped": "skipped",
}
JOBS = {"job_started": "JobStarted", "job_completed": "JobCompleted", "job_failed": "JobFailed"}


def address() -> str | None:
    """Return the address of the session bus; None if there is none. cron sets no variable: try the usual path as well."""
    given = os.environ.get("DBUS_SESSION_BUS_ADDRESS")
    if given is not None:
        return given if given.startswith("unix:") else None
    usual = f"/run/user/{os.geteuid()}/bus"
    try:
        return f"unix:path={usual}" if os.stat(usual).st_uid == os.geteuid() else None
    except OSError:
        return None


def why_no_address() -> str:
    """Return the reason for which `address` returns None."""
    given = os.environ.get("DBUS_SESSION_BUS_ADDRESS")
    if given is not None:
        return f"DBUS_SESSION_BUS_ADDRESS is {given!r}, which is not a unix: address"
    return f"DBUS_SESSION_BUS_ADDRESS is not set, and /run/user/{os.geteuid()}/bus is not a bus of this user"


def signals(event: Event, zone: str) -> Iterator[tuple[str, str, str, tuple[Any, ...]]]:
    """Yield the signals for an event, each as (interface, member, signature, body)."""
    payload = payload_of(event, zone)
    document = msgspec.json.encode(payload).decode()
    for interface in PATHS:
        yield interface, "Event", "ss", (event.name, document)
    if event.name in JOBS:
        names = str(payload.get("job", "")), str(payload.get("run_id", ""))
        last = {"job_completed": (document,), "job_failed": (str(payload.get("reason", "")),)}
        body = (*names, *last.get(event.name, ()))
        yield BOT_CRON, JOBS[event.name], "s" * len(body), body
    elif event.name == "scheduler_toggled":
        yield BOT_CRON, "SchedulerToggled", "b", (bool(payload["enabled"]),)
    if (status := _status(event)) is not None:
        yield BOT_CRON, "StatusChanged", "s", (msgspec.json.encode(status).decode(),)


def payload_of(event: Event, zone: str) -> dict[str, Any]:
    """Return the payload of *event* for other programs: the slot is a text in *zone*, commands name the instance."""
    # What the user or a handler wrote is not changed.
    payload = dict(complete_in(dict(event.payload)) if event.name in PUBLISHED else event.payload)
    slot = payload.get("scheduled_for")
    if isinstance(slot, int):
        payload["scheduled_for"] = stamp(slot, zone)
    return payload


def _status(event: Event) -> dict[str, Any] | None:
    """Return the new status of a run, or of the scheduler, after *event*; None if it changes neither."""
    payload = event.payload
    if event.name in STATUSES:
        return {"job": payload.get("job"), "run_id": payload.get("run_id"), "status": STATUSES[event.name]}
    if event.name == "scheduler_toggled":
        return {"enabled": bool(payload["enabled"])}
    return None


class Announcer:
    """A subscriber that emits every event on the session bus."""

    def __init__(self, zone: str) -> None:
        self._zone = zone
        self._connection: Connection | None = None
        self._disabled = False

    def __call__(self, event: Event) -> None:
        """Emit the signals of *event*. Session bus errors are ignored: signals are best effort."""
        if self._disabled:
            return
        try:
            self._connection = self._connection or _connect()
            if self._connection is not None:
                self._connection.emit(signals(event, self._zone))
        except (ImportError, OSError, ValueError, RuntimeError):
            self._connection = None
        self._disabled = self._connection is None


def _connect() -> "Connection | None":
    found = address()
    return None if found is None else Connection(found)


def reload_services() -> None:
    """Make the session bus reload its service files. Do nothing if there is no bus; ignore its errors."""
    try:
        connection = _connect()
        if connection is not None:
            connection.reload()
    except (ImportError, OSError, ValueError, RuntimeError):
        return


class Connection:
    """A connection to the bus; none of its calls takes longer than TIMEOUT. Raises OSError."""

    def __init__(self, bus: str) -> None:
        from jeepney import Parser, message_bus
        from jeepney.bus import get_bus
        from jeepney.io.blocking import prep_socket

        self._parser = Parser()
        self._serial = 0
        deadline = time.monotonic() + TIMEOUT
        self._socket: socket.socket = prep_socket(get_bus(bus), timeout=TIMEOUT)
        self._call(message_bus.Hello(), deadline)

    def emit(self, signals: Iterator[tuple[str, str, str, tuple[Any, ...]]]) -> None:
        """Send signals; return when the bus has received them. Raise OSError if it does not answer in time."""
        from jeepney import DBusAddress, message_bus, new_signal

        deadline = time.monotonic() + TIMEOUT
        for interface, name, signature, body in signals:
            emitter = DBusAddress(PATHS[interface], interface=interface)
            self._send(new_signal(emitter, name, signature, body), deadline)
        self._call(message_bus.GetId(), deadline)

    def reload(self) -> None:
        """Make the bus reload its configuration."""
        from jeepney import message_bus

        self._call(message_bus.ReloadConfig(), time.monotonic() + TIMEOUT)

    def _send(self, message: "Message", deadline: float) -> None:
        self._serial += 1
        self._socket.settimeout(_left(deadline))
        self._socket.sendall(message.serialise(serial=self._serial))

    def call(self, message: "Message", timeout: float) -> "Message":
        """Send a method call; return its reply, which may be an error. Raise OSError if there is none within *timeout* seconds."""
        return self._call(message, time.monotonic() + timeout)

    def close(self) -> None:
        """Close the connection."""
        self._socket.close()

    def _call(self, message: "Message", deadline: float) -> "Message":
        """Send a method call and return its reply. The bus has then received every message sent before it."""
        self._send(message, deadline)
        while (reply := self._reply()) is None:
            self._socket.settimeout(_left(deadline))
            data = self._socket.recv(4096)
            if not data:
                raise ConnectionError("the session bus closed the connection")
            self._parser.add_data(data)
        return reply

    def _reply(self) -> "Message | None":
        from jeepney import HeaderFields

        while (message := self._parser.get_next_message()) is not None:
            if message.header.fields.get(HeaderFields.reply_serial) == self._serial:
                return message
        return None


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError("the session bus does not answer")
    return left
