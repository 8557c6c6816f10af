"""The connections of the server: one that sends no complete request in time is closed, and such ones cannot fill all places.

A connection waits from its beginning, or from the end of its last answer, until a request has arrived completely; it also
waits while its client does not read the answer. A client needs no token for that, so the time and the number are limited.
"""

import asyncio
from typing import Any

import msgspec
from uvicorn.protocols.http.h11_impl import H11Protocol


class Places(msgspec.Struct, frozen=True):
    """A connection may wait for *seconds*; beyond *waiting* connections that wait, the one that began first is closed."""

    seconds: float = 10.0
    waiting: int = 50


class Connection(H11Protocol):
    """One connection; the class attributes belong to one server."""

    places: Places
    open: dict["Connection", None]  # those that wait, in the order in which they began
    timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for a request."""
        super().connection_made(transport)
        self._wait()

    def data_received(self, data: bytes) -> None:
        """Take in a part of a request. Only a complete request ends the wait."""
        super().data_received(data)
        self._update()

    def on_response_complete(self) -> None:
        """Begin to wait for the next request, unless it has arrived already."""
        self._end_wait()
        super().on_response_complete()
        self._update()

    def pause_writing(self) -> None:
        """Begin to wait until the client reads."""
        super().pause_writing()
        self._wait()

    def resume_writing(self) -> None:
        """End the wait for the client."""
        super().resume_writing()
        self._end_wait()
        self._update()

    def connection_lost(self, exc: Exception | None) -> None:
        """Give up the place."""
        self._end_wait()
        super().connection_lost(exc)

    def _update(self) -> None:
        cycle = self.cycle
        if cycle is None or cycle.response_complete or cycle.more_body:
            self._wait()
        elif not self.flow.write_paused:
            self._end_wait()

    def _wait(self) -> None:
        """Begin to wait; a wait that has begun is not prolonged."""
        if self.timer is None and not self.transport.is_closing():
            self.timer = self.loop.call_later(self.places.seconds, self._close)
            self.open[self] = None
            if len(self.open) > self.places.waiting:
                next(iter(self.open))._close()  # noqa: SLF001 - another one of this class

    def _close(self) -> None:
        self._end_wait()
        self.transport.abort()

    def _end_wait(self) -> None:
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None
            del self.open[self]


def protocol(places: Places) -> type[Connection]:
    """Return the protocol of the connections of one server, with its own *places*."""
    return type("OfServer", (Connection,), {"places": places, "open": {}})


class Loop(asyncio.SelectorEventLoop):
    """An event loop in which a TLS handshake, which precedes the connection, has the same limit of time."""

    handshake = Places().seconds

    async def create_server(self, *arguments: Any, **options: Any) -> Any:
        """Return a server that ends handshakes in time."""
        limit = {"ssl_handshake_timeout": self.handshake} if options.get("ssl") else {}
        create: Any = super().create_server
        return await create(*arguments, **options, **limit)
