"""The process that sends one heartbeat: it reads the address, if that is a secret, and asks the server."""

import os
import select
import signal
import socket
import time
from collections.abc import Callable, Mapping
from typing import NoReturn

import msgspec

from scheduled.core.pings import PLACE, Signal
from scheduled.core.secret_sources import read_source
from scheduled.errors import ScheduledError
from scheduled.execution import process

LIMIT = 5.0  # seconds for one ping, with its address and all its tries
GRACE = 0.5  # then its process is killed
PIECE = 1 << 16
NAME = "heartbeat_url"

Environment = Callable[[], Mapping[str, str]]


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """A ping to send: its *number*, the address or *source* of it, the *slug* for it, and what is sent.

    One that is *first* does not wait for others.
    """

    number: int
    source: str
    slug: str
    signal: Signal
    exit_code: int | None = None
    name: str
    body: bytes
    first: bool = False


class PingChild:
    """The process of one ping. It ends when its channel is closed, or after a while."""

    def __init__(self, order: Order, environment: Environment) -> None:
        self.order, self.end = order, time.monotonic() + LIMIT
        self.channel, end = socket.socketpair()
        try:
            self.pid = os.fork()
            if self.pid == 0:
                self.channel.close()
                _ping(end, order, environment)
        finally:
            end.close()

    def problem(self) -> str:
        """Return what the process has answered, '' if the ping was sent."""
        self.channel.setblocking(False)
        try:
            data = self.channel.recv(PIECE)
        except OSError:
            return f"no answer within {LIMIT:.0f} s"
        return (
            data.decode(errors="replace").removeprefix("+")
            if data
            else "the process that sends it was killed"
        )

    def close(self, within: float = GRACE) -> None:
        """End and reap the process *within* seconds: without its channel it stops a command that prints the address."""
        self.channel.close()
        reader = os.pidfd_open(self.pid)
        try:
            if not select.select([reader], [], [], within)[0]:
                os.kill(self.pid, signal.SIGKILL)
        finally:
            os.close(reader)
        os.waitpid(self.pid, 0)


def _ping(channel: socket.socket, order: Order, environment: Environment) -> NoReturn:
    """Send one ping in the forked child, answer with a `+` and the problem, if any; never return."""
    code = 1
    try:
        process.detach(channel.fileno())
        signal.pthread_sigmask(signal.SIG_UNBLOCK, (signal.SIGTERM,))  # the server blocks it
        signal.alarm(int(LIMIT + 2 * GRACE) + 1)  # also if the process that would kill it was killed
        answer = _sent(order, environment, channel.fileno(), time.monotonic() + LIMIT)
        channel.sendall(b"+" + answer.encode(errors="replace"))
        code = 0
    finally:
        os._exit(code)


def _sent(order: Order, environment: Environment, owner: int, until: float) -> str:
    from scheduled.notify import heartbeats  # only the process that sends something

    try:
        url = _url(order, environment, owner).replace(PLACE, order.slug)
    except (ScheduledError, OSError) as error:
        return str(error)
    if not url.startswith(("http://", "https://")):
        return f"{order.source}: is not the address of a server: it must begin with http:// or https://"
    within = until - time.monotonic()
    return heartbeats.send(url, order.signal, order.exit_code, order.name, order.body, within) or ""


def _url(order: Order, environment: Environment, owner: int) -> str:
    """Return the address, from its source if it is a secret. Raise ScheduledError or OSError."""
    if read_source(order.source) is None:
        return order.source
    from scheduled.execution.secret_values import values_of

    given = environment()
    os.chdir(given.get("HOME") or "/")
    return values_of({NAME: order.source}, given, owner)[NAME].strip()
