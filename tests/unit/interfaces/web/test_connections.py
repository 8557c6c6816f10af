"""The connections of the server: those that send no complete request, or read no answer, are closed and fill no places."""

import asyncio
import socket
from contextlib import asynccontextmanager

import pytest
import uvicorn

from scheduled.interfaces.web import connections
from scheduled.interfaces.web.connections import Connection, Loop, Places, protocol

REQUEST = b"GET / HTTP/1.1\r\nHost: here\r\n\r\n"
BODY = b"POST / HTTP/1.1\r\nHost: here\r\nContent-Length: 10\r\n\r\n12345"
LONG = 60.0  # seconds: longer than a test takes
SHORT = 0.2


async def hello(scope, receive, send):
    """Answer "hello" after the whole body; a request for /much gets far more than a socket holds.

    The answer to /slow takes longer than a connection may wait.
    """
    while (await receive()).get("more_body"):
        pass
    await asyncio.sleep(3 * SHORT if scope["path"] == "/slow" else 0)
    size = 2**26 if scope["path"] == "/much" else 5
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % size)]})
    await send({"type": "http.response.body", "body": (b"hello" * size)[:size]})


@asynccontextmanager
async def served(places):
    """Yield a function that opens a connection to a server with *places*; its attribute `lost` is set when one has ended."""
    lost = asyncio.Event()

    class Noted(protocol(places)):
        def connection_lost(self, exc):
            super().connection_lost(exc)
            lost.set()

    listening = socket.create_server(("127.0.0.1", 0))
    address = listening.getsockname()
    config = uvicorn.Config(
        hello, http=Noted, lifespan="off", log_level="error", ws="none", timeout_keep_alive=60
    )
    server = uvicorn.Server(config)
    server.install_signal_handlers = lambda: None
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    opened = []

    async def connect(data=b""):
        reader, writer = await asyncio.open_connection(*address)
        opened.append(writer)
        writer.write(data)
        return reader, writer

    connect.lost = lost
    yield connect
    for writer in opened:
        writer.transport.abort()
    server.should_exit = True
    await serving


def run(test):
    """Run the coroutine function *test* within a generous limit."""
    asyncio.run(asyncio.wait_for(test(), 50))


async def answer(reader):
    head = await reader.readuntil(b"\r\n\r\n")
    return head.split(b"\r\n")[0], await reader.readexactly(5)


@pytest.mark.parametrize("sent", [b"", b"GET / HT", REQUEST[:-2], BODY, REQUEST + b"GET"])
def test_a_connection_without_a_complete_request_is_closed_in_time(sent):
    async def test():
        async with served(Places(seconds=SHORT)) as connect:
            reader, _ = await connect(sent)
            if sent.startswith(REQUEST):
                await answer(reader)
            assert await at_end(reader)

    run(test)


async def at_end(reader):
    """Return whether the server closes the connection."""
    try:
        return await reader.read(1) == b""
    except ConnectionResetError:
        return True


def test_a_client_that_sends_bit_by_bit_does_not_get_more_time():
    async def test():
        async with served(Places(seconds=SHORT)) as connect:
            reader, writer = await connect(b"GET / HTTP/1.1\r\n")
            ended = asyncio.create_task(at_end(reader))
            while not ended.done():
                writer.write(b"X: 1\r\n")
                await asyncio.sleep(SHORT / 10)
            assert await ended

    run(test)


def test_a_client_that_does_not_read_its_answer_is_disconnected():
    async def test():
        async with served(Places(seconds=SHORT)) as connect:
            reader, _ = await connect(REQUEST.replace(b"/ ", b"/much "))
            reader._transport.pause_reading()
            await connect.lost.wait()
            reader._transport.resume_reading()
            with pytest.raises((asyncio.IncompleteReadError, ConnectionResetError)):
                await reader.readexactly(2**26)

    run(test)


def test_connections_that_wait_fill_no_places():
    async def test():
        async with served(Places(seconds=LONG, waiting=3)) as connect:
            waiting = [await connect(sent) for sent in (b"", b"GET", BODY, b"", b"G", b"")]
            reader, _ = await connect(REQUEST)

            assert await answer(reader) == (b"HTTP/1.1 200 OK", b"hello")
            assert await at_end(waiting[0][0])  # those that began first are closed
            assert await at_end(waiting[1][0])
            reader, writer = waiting[-1]  # the newest ones are not
            writer.write(REQUEST)
            assert (await answer(reader))[1] == b"hello"

    run(test)


def test_a_request_that_is_answered_has_no_limit_of_time():
    async def test():
        async with served(Places(seconds=SHORT, waiting=1)) as connect:
            reader, _ = await connect(REQUEST.replace(b"/ ", b"/slow "))
            assert (await answer(reader))[1] == b"hello"

    run(test)


def test_a_connection_serves_several_requests():
    async def test():
        async with served(Places(seconds=LONG, waiting=1)) as connect:
            reader, writer = await connect(REQUEST + REQUEST)
            for _ in range(3):
                assert (await answer(reader))[1] == b"hello"
                writer.write(REQUEST)

    run(test)


def test_every_server_counts_its_own_connections():
    assert protocol(Places()).open is not protocol(Places()).open
    assert issubclass(protocol(Places()), Connection)


def test_a_tls_handshake_that_does_not_end_is_ended(monkeypatch):
    import ssl

    monkeypatch.setattr(Loop, "handshake", SHORT)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)

    async def test():
        server = await asyncio.get_running_loop().create_server(asyncio.Protocol, "127.0.0.1", 0, ssl=context)
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        assert await at_end(reader)
        writer.transport.abort()
        server.close()

    with asyncio.Runner(loop_factory=Loop) as runner:
        runner.run(asyncio.wait_for(test(), 50))


def test_the_limits_of_the_server_are_ten_seconds():
    assert (connections.Places().seconds, Loop.handshake) == (10, 10)
