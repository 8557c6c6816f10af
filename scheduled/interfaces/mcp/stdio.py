"""Serve the Model Context Protocol on stdin and stdout, and answer a line that is no valid message with an error.

The SDK ignores such a line, for example one that is nested too deeply, so that its client would wait for ever. A message
with an object that has a key twice is no valid message either: one of the two values would be lost.
"""

import os
import re
from collections.abc import AsyncIterable, AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any, Self, TextIO

import anyio
import mcp_types as types
from mcp.server.mcpserver import MCPServer
from mcp.server.stdio import stdio_server
from mcp.shared.message import SessionMessage
from pydantic import ValidationError

from scheduled.config.json_values import repeated

PARSE_ERROR, INVALID_REQUEST = -32700, -32600  # of JSON-RPC 2.0
TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\]]|-?\d+|[:,]')
OPENING, CLOSING = ("{", "["), ("}", "]")
LONGEST = 200  # characters of a reason
REPEATED = "\0"  # behind a message that has a key twice: so the SDK refuses it


async def serve(server: MCPServer[Any]) -> None:
    """Serve until stdin ends."""
    low = server._lowlevel_server  # noqa: SLF001 - as `MCPServer.run_stdio_async` does
    with _stdin() as opened:
        lines: Any = marked(anyio.wrap_file(opened))
        async with stdio_server(stdin=lines) as (read, write):
            stream: Any = _Answered(read, write)
            await low.run(stream, write, low.create_initialization_options())


@contextmanager
def _stdin() -> Iterator[TextIO]:
    """Yield stdin, of which processes that are started meanwhile see the end: the SDK does this only with its own stream."""
    wire, null = os.dup(0), os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
    os.dup2(null, 0)
    os.close(null)
    try:
        # Not closed: a thread may still read from it when the server ends.
        yield os.fdopen(wire, encoding="utf-8", errors="replace", closefd=False)
    finally:
        os.dup2(wire, 0)


async def marked(lines: AsyncIterable[str]) -> AsyncIterator[str]:
    """Yield *lines*, with `REPEATED` behind those that have a key twice in one object."""
    async for line in lines:
        yield line if repeated(line) is None else f"{line.rstrip()}{REPEATED}"


class _Answered:
    """The stream of messages *read*, without the lines that are no message: they are answered through *write*."""

    def __init__(self, read: Any, write: Any) -> None:
        self._read, self._write = read, write

    def __getattr__(self, name: str) -> Any:
        return getattr(self._read, name)

    async def __aenter__(self) -> Self:
        await self._read.__aenter__()
        return self

    async def __aexit__(self, *exception: object) -> Any:
        return await self._read.__aexit__(*exception)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Any:
        async for found in self._read:
            answer = refusal(found) if isinstance(found, ValidationError) else None
            if answer is None:
                return found
            await self._write.send(SessionMessage(answer))
        raise StopAsyncIteration


def refusal(error: ValidationError) -> types.JSONRPCError | None:
    """Return the error to answer a line with; None if it asks for no answer, because it has no id."""
    [first, *_] = error.errors(include_url=False)
    line = first["input"] if isinstance(first["input"], str) else ""
    number = id_of(line)
    if number is None:
        return None
    reason = _reason(line, first["msg"])
    code = PARSE_ERROR if first["type"] == "json_invalid" else INVALID_REQUEST
    return types.JSONRPCError(
        jsonrpc="2.0", id=number, error=types.ErrorData(code=code, message=f"not a valid message: {reason}")
    )


def _reason(line: str, message: str) -> str:
    if line.endswith(REPEATED):
        return f"{repeated(line.removesuffix(REPEATED))}: occurs twice in one object; write it once"[:LONGEST]
    return "nested too deeply" if "recursion" in message else message[:LONGEST]


def id_of(line: str) -> int | str | None:
    """Return the `id` of a JSON-RPC request, which need not be valid JSON; None if it has none."""
    depth, before = 0, ["", ""]
    for found in TOKEN.finditer(line):
        word = found[0]
        depth += (word in OPENING) - (word in CLOSING)
        if depth == 1 and before == ['"id"', ":"] and word not in CLOSING:
            return word.strip('"') if word[0] == '"' else int(word[:18])
        before = [before[1], word]
    return None
