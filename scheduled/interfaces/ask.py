"""How interfaces that serve several callers at once ask `service`."""

import asyncio
import inspect
from collections.abc import Callable
from typing import Any


async def answered(question: Callable[[], Any]) -> Any:
    """Ask in a thread, so that a slow question holds up no other; what waits for a run waits without one."""
    answer = await asyncio.to_thread(question)
    return await answer if inspect.isawaitable(answer) else answer
