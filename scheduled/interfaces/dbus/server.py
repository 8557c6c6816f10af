"""`scheduled dbus`: the interface on the session bus. Started by the bus with the first call, gone when nobody calls."""

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

PATIENCE = 5.0  # seconds for a bus to answer
OURS_NOW = (RequestNameReply.PRIMARY_OWNER, RequestNameReply.ALREADY_OWNER)


class Presence:
    """Who is here yet: calls under way, and when the last one came."""

    def __init__(self, idle: float) -> None:
        self._idle = idle
        self._under_way = 0
        self._last = time.monotonic()
        self._leave = False
        self._news = asyncio.Event()

    def heard(self, message: Message) -> None:
        """Take note of whatever is asked, properties and introspection too."""
        if message.message_type is MessageType.METHOD_CALL:
            self._note()

    def _note(self) -> None:
        self._last = time.monotonic()
        self._news.set()

    @contextmanager
    def call(self) -> Iterator[None]:
        """Stay for as long as this takes."""
        self._under_way += 1
        try:
            yield
        finally:
            self._under_way -= 1
            self._note()

    def shut_down(self) -> None:
        """Leave as soon as nobody is served any more."""
        self._leave = True
        self._news.set()

    async def until_idle(self) -> None:
        """Return when nothing was asked for a while, or somebody wants us gone."""
        while self._under_way or not (self._leave or self._left() <= 0):
            self._news.clear()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._news.wait(), None if self._under_way else self._left())

    def _left(self) -> float:
        return self._last + self._idle - time.monotonic()

    async def until_served(self) -> None:
        """Return when the calls that came before now have their answers."""
        await asyncio.sleep(0)  # a call that has just come in gets to count itself
        while self._under_way:
            self._news.clear()
            await self._news.wait()
        await asyncio.sleep(0)


def serve(instance: Instance, idle: float) -> None:
    """Answer until nobody has called for *idle* seconds; raises StateError where there is no session bus."""
    address = session_bus.address()
    if address is None:
        raise StateError(f"there is no session bus: {session_bus.why_none()}")
    try:
        asyncio.run(_serve(instance, address, idle))
    except OSError as error:
        raise StateError(f"{address}: {error}") from None


async def _serve(instance: Instance, address: str, idle: float) -> None:
    bus = await _connected(address)
    presence = Presence(idle)
    bus.add_message_handler(presence.heard)
    for interface in (BotCron(instance, presence), Scheduler(instance, presence)):
        bus.export(session_bus.PATHS[interface.name], interface)
    taken = [
        name for name in session_bus.PATHS if await bus.request_name(name, NameFlag.DO_NOT_QUEUE) in OURS_NOW
    ]
    if taken:  # or else somebody answers under both names already
        await _until_idle_or_gone(bus, presence)
    if bus.connected:
        await _leave(bus, presence, taken)


async def _connected(address: str) -> MessageBus:
    try:
        async with asyncio.timeout(PATIENCE):
            return await MessageBus(bus_address=address).connect()
    except TimeoutError:
        raise StateError(f"{address}: does not answer") from None
    except (EOFError, ValueError) as error:  # that is no address, or nobody there speaks as a bus does
        raise StateError(f"{address}: {error}") from None


async def _until_idle_or_gone(bus: MessageBus, presence: Presence) -> None:
    waits = [asyncio.ensure_future(presence.until_idle()), asyncio.ensure_future(_gone(bus))]
    _, pending = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    for wait in pending:
        wait.cancel()


async def _gone(bus: MessageBus) -> None:
    try:
        await bus.wait_for_disconnect()  # type: ignore[no-untyped-call]
    except (OSError, EOFError):
        return


async def _leave(bus: MessageBus, presence: Presence, taken: list[str]) -> None:
    """Give the names back first: what was sent to us until then we have, what comes after starts another one."""
    for name in taken:
        await bus.release_name(name)
    await presence.until_served()
    # Its answer is behind all of ours: they are on their way.
    await bus.call(Message(destination="org.freedesktop.DBus", path="/org/freedesktop/DBus",
                           interface="org.freedesktop.DBus", member="GetId"))  # fmt: skip
    bus.disconnect()
