"""A call in a thread ends with any exception."""

import asyncio

import pytest

from scheduled.interfaces.threads import in_thread


@pytest.mark.parametrize("error", [StopIteration, StopAsyncIteration, KeyError, GeneratorExit, RuntimeError])
def test_an_exception_reaches_the_caller(error):
    def fails():
        raise error("x")

    async def call():
        return await asyncio.wait_for(in_thread(fails), 20)

    with pytest.raises(RuntimeError if error is StopIteration else error):
        asyncio.run(call())
