"""Call `service` from an event loop that serves several callers at once."""

import asyncio
import inspect
from collections.abc import Callable
from typing import Any


async def in_thread(function: Callable[[], Any]) -> Any:
    """Call *function* in a thread, so that a slow call does not block others; await its result if it is awaitable.

    The functions of `service` that wait for a run return an awaitable: the wait occupies no thread.
    """
    result = await asyncio.to_thread(function)
    return await result if inspect.isawaitable(result) else result
