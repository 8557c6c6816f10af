"""Call `service` from an event loop that serves several callers at once."""

import asyncio
import inspect
from collections.abc import Callable
from typing import Any


async def in_thread(function: Callable[[], Any]) -> Any:
    """Call *function* in a thread, so that a slow call does not block others; await its result if it is awaitable.

    The functions of `service` that wait for a run return an awaitable: the wait occupies no thread.

    An event loop never answers a caller if StopIteration ends a thread: it is raised as RuntimeError.
    """
    result = await asyncio.to_thread(_called, function)
    return await result if inspect.isawaitable(result) else result


def _called(function: Callable[[], Any]) -> Any:
    try:
        return function()
    except StopIteration as error:
        raise RuntimeError(f"StopIteration: {error}") from error
