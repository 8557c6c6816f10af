"""A run that is asked for through an interface: in a process of its own, which outlives its caller.

It tells, on a pipe, when it has claimed what was asked for: until then it may still be refused. It is waited for
without a thread, so that those who wait hold up nobody, and whoever stops waiting leaves nothing behind.
"""

import asyncio
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

import msgspec

from scheduled.config.files import known_jobs, load_config
from scheduled.errors import EXIT_BUSY, EXIT_USAGE, BusyError, ConfigError, StateError, require_between
from scheduled.instance import Instance

ENTRY = Path(__file__).parents[1] / "__main__.py"
LONGEST = 600  # seconds that somebody may wait for the end of a run
PATIENCE = 10.0  # seconds for it to claim what was asked for: the gates of other jobs are asked first
CLAIMED = 3  # the descriptor on which it tells
_under_way: list[int] = []


async def start(instance: Instance, jobs: Sequence[str], *, wait: float = 0) -> dict[str, Any]:
    """Run jobs now in a process of its own, which outlives the caller; wait for its end for *wait* seconds.

    Return whether it is `over`, and if so its document as `result`; if not, it has claimed what was asked for, or
    waits for a gate yet. Raises ConfigError, and BusyError if all of them are under way already.
    """
    wanted = await asyncio.to_thread(lambda: known_jobs(load_config(instance.config_file), jobs))
    return await _start(instance, ["run", *wanted], requests=len(wanted), wait=wait)


async def start_again(instance: Instance, run_id: str, *, wait: float = 0) -> dict[str, Any]:
    """Run a run again in a process of its own, as `start` does; raises as `rerun` does."""
    from scheduled.commands.runs import request_again
    from scheduled.engine.runtime import open_runtime

    await asyncio.to_thread(lambda: request_again(open_runtime(instance), run_id))
    return await _start(instance, ["rerun", run_id], requests=1, wait=wait)


async def _start(instance: Instance, words: Sequence[str], *, requests: int, wait: float) -> dict[str, Any]:
    """Start a verb that makes a tick (`run`, `rerun`) of *requests* in number; wait for its end for *wait* seconds."""
    require_between("wait", wait, 0, LONGEST)
    _reap()
    command = [
        sys.executable,
        str(ENTRY),
        "--config",
        str(instance.config_file),
        "--state",
        str(instance.paths.root),
        *words,
    ]
    with tempfile.TemporaryFile() as said, tempfile.TemporaryFile() as troubles:
        code = await _seen(*_spawn([*command, "--json", "--claimed", str(CLAIMED)], said, troubles), wait)
        if code is None:
            return {"over": False, "result": None}
        return {"over": True, "result": _result(code, _all(said), _all(troubles), requests)}


def _spawn(command: list[str], said: IO[bytes], troubles: IO[bytes]) -> tuple[int, int]:
    """Start a process, and return it and where it tells of its claims; no Popen, which wants to see every end."""
    claims, telling = os.pipe()
    actions = [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_DUP2, said.fileno(), 1),
        (os.POSIX_SPAWN_DUP2, troubles.fileno(), 2),
        (os.POSIX_SPAWN_DUP2, telling, CLAIMED),
    ]
    try:
        return os.posix_spawn(command[0], command, os.environ, file_actions=actions, setsid=True), claims
    except OSError as error:
        os.close(claims)
        raise StateError(f"{command[0]}: {error.strerror}") from error
    finally:
        os.close(telling)


async def _seen(process: int, claims: int, wait: float) -> int | None:
    """Wait for a process; return its exit code, or None if it goes on."""
    over, watched = False, os.pidfd_open(process)
    try:
        over = await _over(watched, claims, wait)
    finally:
        os.close(watched)
        os.close(claims)
        if not over:
            _under_way.append(process)
    return _code(process) if over else None


def _code(process: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])


async def _over(watched: int, claims: int, wait: float) -> bool:
    began = time.monotonic()
    if not await _readable(claims, max(wait, PATIENCE)):
        return False
    if not os.read(claims, 1):  # it ends without a claim: refused, or there was nothing to do
        return await _readable(watched, max(wait, PATIENCE))
    return await _readable(watched, began + wait - time.monotonic())


async def _readable(descriptor: int, seconds: float) -> bool:
    loop, news = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(descriptor, news.set)
    try:
        with suppress(TimeoutError):
            await asyncio.wait_for(news.wait(), seconds)
    finally:
        loop.remove_reader(descriptor)
    return news.is_set()


def _reap() -> None:
    """Let go of those that have ended meanwhile."""
    _under_way[:] = [process for process in _under_way if os.waitpid(process, os.WNOHANG)[0] == 0]


def _all(file: IO[bytes]) -> bytes:
    file.seek(0)
    return file.read()


def _result(code: int, said: bytes, troubles: bytes, requests: int) -> Any:
    if said:
        document = msgspec.json.decode(said)
        if document["busy"] and len(document["busy"]) == requests:
            raise BusyError(f"{', '.join(document['busy'])}: another tick is running it")
        return document
    told = troubles.decode(errors="replace").strip().removeprefix("scheduled: ") or f"ended with {code}"
    raise {EXIT_USAGE: ConfigError, EXIT_BUSY: BusyError}.get(code, StateError)(told)
