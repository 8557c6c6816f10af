"""The process that sends the heartbeats of a tick, so that neither the tick nor a job waits for a network.

It is forked before the ledger is opened, and starts a child for each ping, which reads the address if it is a secret. A
child that hangs is killed; what is not sent a while after the tick has closed the channel is given up.
"""

import os
import select
import signal
import socket
import time
from contextlib import suppress
from typing import NoReturn

import msgspec

from scheduled.core.pings import Signal
from scheduled.execution import process
from scheduled.execution.ping_child import GRACE, PIECE, Environment, Order, PingChild

WITHIN = 10.0  # seconds for all pings after the last order
AT_ONCE = 8
STOP = (signal.SIGTERM,)


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


class _GivenUpError(Exception):
    """The tick waits no longer."""


def _give_up(*_: object) -> NoReturn:
    raise _GivenUpError


class _Server:
    """Reads orders and has them executed, those for one address in their order."""

    def __init__(self, channel: socket.socket, environment: Environment) -> None:
        self._channel, self._environment = channel, environment
        self._queue: list[Order] = []
        self._children: list[PingChild] = []
        self._partial = b""
        self._ready: list[socket.socket] = []
        self._until: float | None = None  # when all is given up: after the last order

    def serve(self) -> None:
        """Serve until the channel is closed and everything is sent, or given up; SIGTERM gives up at once.

        The signal is let in only while this waits: otherwise it could come between the start of a child and the list of them.
        """
        signal.signal(signal.SIGTERM, _give_up)
        signal.signal(
            signal.SIGPIPE, signal.SIG_IGN
        )  # an answer that the tick no longer reads must not end this process
        signal.pthread_sigmask(signal.SIG_BLOCK, STOP)
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
                self._children.append(PingChild(order, self._environment))
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
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP)
        self._ready = select.select(watched, [], [], wait)[0]
        signal.pthread_sigmask(signal.SIG_BLOCK, STOP)
        if self._channel in self._ready:
            self._read()

    def _read(self) -> None:
        data = self._channel.recv(PIECE)
        if not data:
            self._until = time.monotonic() + WITHIN
            return
        *lines, self._partial = (self._partial + data).split(b"\n")
        self._queue += map(_decode_order, lines)

    def _is_over(self, child: PingChild) -> bool:
        return child.channel in self._ready or time.monotonic() >= child.end

    def _answer(self, child: PingChild) -> None:
        answer = Answer(child.order.number, child.problem())
        child.close()
        with suppress(OSError):  # the tick was killed
            self._channel.sendall(encode(answer) + b"\n")
