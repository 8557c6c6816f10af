"""The process that sends the heartbeats of a tick, so that neither the tick nor a job waits for a network.

It is forked before the ledger is opened, and starts a child for each ping, which reads the address if it is a secret. A
child that hangs is killed; what is not sent a while after the tick has closed the channel is given up.
"""

import os
import select
import signal
import socket
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import NoReturn

import msgspec

from scheduled.core.pings import PLACE, Signal
from scheduled.core.secret_sources import read_source
from scheduled.errors import ScheduledError
from scheduled.execution import process

LIMIT = 5.0  # seconds for one ping, with its address and all its tries
GRACE = 0.5  # then its process is killed
WITHIN = 10.0  # seconds for all pings after the last order
AT_ONCE = 8
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


class Answer(msgspec.Struct, frozen=True):
    """What became of the order *number*: '' if it was sent, otherwise the *problem*."""

    number: int
    problem: str = ""


encode = msgspec.json.Encoder().encode
_decode_order = msgspec.json.Decoder(Order).decode
_decode_answer = msgspec.json.Decoder(Answer).decode


class PingSender:
    """The side of the tick. Raise OSError if the process can't be forked. *environment* is that of commands of secrets."""

    def __init__(self, environment: Environment) -> None:
        self._number, self._partial = 0, b""
        self._channel, end = socket.socketpair()
        self._pid = -1
        try:
            self._pid = os.fork()
            if self._pid == 0:
                _run(end, environment)
        except OSError:
            self._channel.close()
            raise
        finally:
            end.close()

    def send(
        self,
        source: str,
        slug: str,
        sign: Signal,
        exit_code: int | None,
        name: str,
        body: bytes,
        *,
        first: bool = False,
    ) -> int:
        """Order a ping and return its number. If the process has died, no answer follows."""
        self._number += 1
        order = Order(
            number=self._number,
            source=source,
            slug=slug,
            signal=sign,
            exit_code=exit_code,
            name=name,
            body=body,
            first=first,
        )
        with suppress(OSError):
            self._channel.sendall(encode(order) + b"\n")
        return self._number

    def answers(self, wait: float) -> list[Answer] | None:
        """Return the answers that have come, waiting for up to *wait* seconds; None if no more will come."""
        if not select.select([self._channel], [], [], max(0.0, wait))[0]:
            return []
        try:
            data = self._channel.recv(PIECE)
        except OSError:
            data = b""
        if not data:
            return None
        *lines, self._partial = (self._partial + data).split(b"\n")
        return [_decode_answer(line) for line in lines]

    def close(self) -> None:
        """End the process, also if it still sends something."""
        self._channel.close()
        process.signal_group(self._pid, signal.SIGTERM)
        with suppress(ChildProcessError):
            os.waitpid(self._pid, 0)


def _run(channel: socket.socket, environment: Environment) -> NoReturn:
    """Serve the channel in the forked child; never return."""
    code = 1
    try:
        process.detach(channel.fileno())
        null = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(null, stream)
        _Server(channel, environment).serve()
        code = 0
    finally:  # the tick finds out that there is no answer
        os._exit(code)


class _Child:
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


class _GivenUpError(Exception):
    """The tick waits no longer."""


def _give_up(*_: object) -> NoReturn:
    raise _GivenUpError


class _Server:
    """Reads orders and has them executed, those for one address in their order."""

    def __init__(self, channel: socket.socket, environment: Environment) -> None:
        self._channel, self._environment = channel, environment
        self._queue: list[Order] = []
        self._children: list[_Child] = []
        self._partial = b""
        self._ready: list[socket.socket] = []
        self._until: float | None = None  # when all is given up: after the last order

    def serve(self) -> None:
        """Serve until the channel is closed and everything is sent, or given up; SIGTERM gives up at once."""
        signal.signal(signal.SIGTERM, _give_up)
        try:
            while self._until is None or ((self._queue or self._children) and time.monotonic() < self._until):
                self._step()
        except _GivenUpError:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
        for child in self._children:
            child.channel.close()  # of all before one is waited for
        until = time.monotonic() + GRACE
        for child in self._children:
            child.close(max(0.0, until - time.monotonic()))

    def _step(self) -> None:
        self._start()
        self._wait()
        for child in [child for child in self._children if self._is_over(child)]:
            self._children.remove(child)
            self._answer(child)

    def _start(self) -> None:
        busy = {(child.order.source, child.order.slug) for child in self._children}
        for order in tuple(self._queue):
            full = len(self._children) >= AT_ONCE
            if full and not self._has_first:
                return
            place = (order.source, order.slug)
            if place not in busy and (order.first or not full):
                self._queue.remove(order)
                self._children.append(_Child(order, self._environment))
            busy.add(place)

    @property
    def _has_first(self) -> bool:
        return any(
            order.first for order in self._queue[-2:]
        )  # a tick has one at its start and one at its end

    def _wait(self) -> None:
        watched: list[socket.socket] = [child.channel for child in self._children]
        if self._until is None:
            watched.append(self._channel)
        ends = [child.end for child in self._children] + ([self._until] if self._until else [])
        wait = max(0.0, min(ends) - time.monotonic()) if ends else None
        self._ready = select.select(watched, [], [], wait)[0]
        if self._channel in self._ready:
            self._read()

    def _read(self) -> None:
        data = self._channel.recv(PIECE)
        if not data:
            self._until = time.monotonic() + WITHIN
            return
        *lines, self._partial = (self._partial + data).split(b"\n")
        self._queue += map(_decode_order, lines)

    def _is_over(self, child: _Child) -> bool:
        return child.channel in self._ready or time.monotonic() >= child.end

    def _answer(self, child: _Child) -> None:
        answer = Answer(child.order.number, child.problem())
        child.close()
        with suppress(OSError):  # the tick was killed
            self._channel.sendall(encode(answer) + b"\n")


def _ping(channel: socket.socket, order: Order, environment: Environment) -> NoReturn:
    """Send one ping in the forked child, answer with a `+` and the problem, if any; never return."""
    code = 1
    try:
        process.detach(channel.fileno())
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
