"""`scheduled dbus`: serve the D-Bus interfaces. The bus starts the process for the first call; it exits when idle."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from dbus_fast import Message, MessageType, NameFlag, RequestNameReply
from dbus_fast.aio import MessageBus

from scheduled.errors import StateError
from scheduled.instance import Instance
from scheduled.interfaces.dbus.bot_cron import BotCron
from scheduled.interfaces.dbus.own import Scheduler
from scheduled.notify import session_bus

CONNECT_TIMEOUT = 5.0  # seconds
OWNED = (RequestNameReply.PRIMARY_OWNER, RequestNameReply.ALREADY_OWNER)


class Lifetime:
    """Decides when the process exits: after *idle* seconds without a call, or after `shut_down`."""

    def __init__(self, idle: float) -> None:
        self._idle = idle
        self._under_way = 0
        self._last = time.monotonic()
        self._shutting_down = False
        self._changed = asyncio.Event()

    def message_received(self, message: Message) -> None:
        """Restart the idle time if the message is a call, also one for a property or for introspection."""
        if message.message_type is MessageType.METHOD_CALL:
            self._restart()

    def _restart(self) -> None:
        self._last = time.monotonic()
        self._changed.set()

    @contextmanager
    def call(self) -> Iterator[None]:
        """Keep the process running while a call is in progress."""
        self._under_way += 1
        try:
            yield
        finally:
            self._under_way -= 1
            self._restart()

    def shut_down(self) -> None:
        """Exit as soon as no call is in progress."""
        self._shutting_down = True
        self._changed.set()

    async def until_idle(self) -> None:
        """Return when no call is in progress and the idle time is over or the process shuts down."""
        while self._under_way or not (self._shutting_down or self._left() <= 0):
            self._changed.clear()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), None if self._under_way else self._left())

    def _left(self) -> float:
        return self._last + self._idle - time.monotonic()

    async def until_served(self) -> None:
        """Return when every call that has arrived is answered."""
        await asyncio.sleep(0)  # lets the task of a call that has just arrived start and be counted
        while self._under_way:
            self._changed.clear()
            await self._changed.wait()
        await asyncio.sleep(0)


def serve(instance: Instance, idle: float) -> None:
    """Serve until no call has arrived for *idle* seconds. Raise StateError if there is no usable session bus."""
    address = session_bus.address()
    if address is None:
        raise StateError(f"no session bus: {session_bus.why_no_address()}")
    try:
        asyncio.run(_serve(instance, address, idle))
    except OSError as error:
        raise StateError(f"{address}: {error}") from None


async def _serve(instance: Instance, address: str, idle: float) -> None:
    bus = await _connected(address)
    lifetime = Lifetime(idle)
    bus.add_message_handler(lifetime.message_received)
    for interface in (BotCron(instance, lifetime), Scheduler(instance, lifetime)):
        bus.export(session_bus.PATHS[interface.name], interface)
    taken = [
        name for name in session_bus.PATHS if await bus.request_name(name, NameFlag.DO_NOT_QUEUE) in OWNED
    ]
    if taken:  # otherwise another process already owns both names
        await _until_idle_or_disconnected(bus, lifetime)
    if bus.connected:
        await _leave(bus, lifetime, taken)


async def _connected(address: str) -> MessageBus:
    try:
        async with asyncio.timeout(CONNECT_TIMEOUT):
            return await MessageBus(bus_address=address).connect()
    except TimeoutError:
        raise StateError(f"{address}: does not answer") from None
    except (EOFError, ValueError) as error:  # not an address, or the other end is not a bus
        raise StateError(f"{address}: {error}") from None


async def _until_idle_or_disconnected(bus: MessageBus, lifetime: Lifetime) -> None:
    waits = [asyncio.ensure_future(lifetime.until_idle()), asyncio.ensure_future(_disconnected(bus))]
    _, pending = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    for wait in pending:
        wait.cancel()


async def _disconnected(bus: MessageBus) -> None:
    try:
        await bus.wait_for_disconnect()  # type: ignore[no-untyped-call]
    except (OSError, EOFError):
        return


async def _leave(bus: MessageBus, lifetime: Lifetime, taken: list[str]) -> None:
    """Release the names, answer the calls that have arrived, and disconnect.

    The names are released first, so that no call is lost: the bus delivers earlier calls to this process and starts a
    new process for later ones.
    """
    for name in taken:
        await bus.release_name(name)
    await lifetime.until_served()
    # The bus handles messages in order: its reply to this call proves that it has received all answers before it.
    await bus.call(Message(destination="org.freedesktop.DBus", path="/org/freedesktop/DBus",
                           interface="org.freedesktop.DBus", member="GetId"))  # fmt: skip
    bus.disconnect()
