"""Start runs for an interface in a separate process, which continues when the interface ends.

The process writes the ids of the requested runs to a pipe when it has claimed them. Until then the request can still be
refused. The event loop waits for the pipe and the process through file descriptors, so that no thread remains when a caller stops
waiting.
"""

import asyncio
import os
import select
import shlex
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any
from uuid import uuid4

import msgspec

from scheduled.config.named import known_keys
from scheduled.errors import EXIT_BUSY, EXIT_USAGE, BusyError, ConfigError, StateError, require_between
from scheduled.instance import Instance
from scheduled.paths import Paths
from scheduled.queries.last_known import config_of
from scheduled.state import directories

ENTRY = Path(__file__).parents[1] / "__main__.py"
LONGEST = 600  # seconds, the longest allowed *wait*
PATIENCE = 10.0  # seconds until a claim is expected; the process may have to wait for another one that writes
# A command of systemd's that starts the process outside of the sandbox of a unit, in which jobs would run otherwise.
START_WITH = "SCHEDULED_START_WITH"
CLAIMED = 3  # the file descriptor of the pipe in the process
_under_way: list[int] = []  # process ids that are not reaped yet


async def start(instance: Instance, jobs: Sequence[str], *, wait: float = 0) -> dict[str, Any]:
    """Run jobs now in a separate process, which outlives the caller, and wait up to *wait* seconds for its end.

    A job with `for_each` means all its targets. Return `jobs`, the jobs and targets as given; `run_ids`, the ids of the runs, with `run_id`, the first of them; `over`, whether the process has ended; and
    `result`, the document of `run` if it has. The ids are missing if the process has not claimed a run yet, or if no job was
    due. Raise ConfigError if there is no such job, BusyError if all the jobs are already under way.
    """
    named = await asyncio.to_thread(lambda: known_keys(config_of(instance), jobs))
    found = await _start(instance, ["run", *dict.fromkeys(jobs)], wait=wait)
    return {**found, "jobs": [{"job": key.job, "target": key.target or None} for key in named]}


async def start_again(instance: Instance, run_id: str, *, wait: float = 0) -> dict[str, Any]:
    """Repeat the run *run_id* in a separate process, as `start` does. Raise the errors of `rerun`."""
    from scheduled.commands.rerun import request_again
    from scheduled.engine.runtime import open_runtime

    await asyncio.to_thread(lambda: request_again(open_runtime(instance), run_id))
    return await _start(instance, ["rerun", run_id], wait=wait)


async def start_approved(instance: Instance, run: str, *, wait: float = 0) -> dict[str, Any]:
    """Approve a run that waits for an answer, and start it in a separate process, as `start` does.

    Raise the errors of `approve`.
    """
    from scheduled.commands import approvals

    _, found = await asyncio.to_thread(approvals.waiting, instance, run)
    done = await _start(instance, ["approve", found.run_id], wait=wait)
    return {**done, "job": found.job, "target": found.target or None, "run_id": found.run_id}


async def _start(instance: Instance, words: Sequence[str], *, wait: float) -> dict[str, Any]:
    """Start `run`, `rerun` or `approve`, and wait up to *wait* seconds for its end."""
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
    with tempfile.TemporaryFile() as stdout, tempfile.TemporaryFile() as stderr:
        with _claims_of(instance.paths) as (reader, writer, claimed):
            process = _spawn([*_through(), *command, "--json", "--claimed", claimed], stdout, stderr, writer)
            run_ids, code = await _wait(process, reader, wait)
        result = None if code is None else _result(code, _content(stdout), _content(stderr), run_ids)
        first = run_ids[0] if run_ids else None
        return {"run_id": first, "run_ids": run_ids, "over": code is not None, "result": result}


def _through() -> list[str]:
    """Return the words of the command that starts other commands outside of the sandbox of this process, if there is one."""
    return shlex.split(os.environ.get(START_WITH, ""))


@contextmanager
def _claims_of(paths: Paths) -> Iterator[tuple[int, IO[bytes], str]]:
    """Yield the ends of a pipe for a claim, and the value of `--claimed`: the writer is descriptor CLAIMED of the process.

    A process that another one starts does not inherit it: the pipe then has a path in the state directory.
    """
    if not _through():
        reader, writer = os.pipe()
        with open(reader, "rb"), open(writer, "wb") as file:
            yield reader, file, str(CLAIMED)
        return
    directories.prepare(paths)
    path = paths.root / f".claims-{uuid4().hex}"
    try:
        os.mkfifo(path, 0o600)
    except OSError as error:
        raise StateError(f"{path}: {error.strerror}; check the state directory") from error
    try:
        reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(reader, "rb"), open(path, "wb") as file:
            yield reader, file, str(path)
    finally:
        path.unlink(missing_ok=True)


def _spawn(command: list[str], stdout: IO[bytes], stderr: IO[bytes], writer: IO[bytes]) -> int:
    """Start a process with the end *writer* of the pipe for its claim, close that here, and return the id of the process.

    `subprocess.Popen` would warn about a process that is still running when its object is deleted.
    """
    actions = [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_DUP2, stdout.fileno(), 1),
        (os.POSIX_SPAWN_DUP2, stderr.fileno(), 2),
        (os.POSIX_SPAWN_DUP2, writer.fileno(), CLAIMED),
    ]
    try:
        return os.posix_spawnp(command[0], command, os.environ, file_actions=actions, setsid=True)
    except OSError as error:
        raise StateError(f"{command[0]}: {error.strerror}") from error
    finally:
        writer.close()


async def _wait(process: int, claims: int, wait: float) -> tuple[list[str], int | None]:
    """Wait up to *wait* seconds for the end of a process.

    Return the ids of the runs that it has claimed, and its exit code, or None if it has not ended.
    """
    ended, pidfd, run_ids = False, os.pidfd_open(process), list[str]()
    try:
        ended = await _ended(pidfd, claims, wait, run_ids)
    finally:
        os.close(pidfd)
        if not ended:
            _under_way.append(process)
    return run_ids, _code(process) if ended else None


def _code(process: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])


async def _ended(pidfd: int, claims: int, wait: float, run_ids: list[str]) -> bool:
    """Return whether the process has ended in time, and add the ids of the runs that it has claimed to *run_ids*."""
    began = time.monotonic()
    line = b""
    while not line.endswith(b"\n"):
        if not await _readable(claims, began + max(wait, PATIENCE) - time.monotonic()):
            return False
        part = os.read(claims, select.PIPE_BUF)
        if not part:  # end of file without a claim: the request was refused
            return await _readable(pidfd, max(wait, PATIENCE))
        line += part
    run_ids += line.decode().split()
    return await _readable(pidfd, began + wait - time.monotonic())


async def _readable(descriptor: int, seconds: float) -> bool:
    loop, ready = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(descriptor, ready.set)
    try:
        with suppress(TimeoutError):
            await asyncio.wait_for(ready.wait(), seconds)
    finally:
        loop.remove_reader(descriptor)
    return ready.is_set()


def _reap() -> None:
    """Reap the processes that have ended, so that none remains a zombie."""
    _under_way[:] = [process for process in _under_way if os.waitpid(process, os.WNOHANG)[0] == 0]


def _content(file: IO[bytes]) -> bytes:
    file.seek(0)
    return file.read()


def _result(code: int, stdout: bytes, stderr: bytes, run_ids: Sequence[str]) -> Any:
    if stdout:
        document = msgspec.json.decode(stdout)
        if document["busy"] and not run_ids and "approved" not in document:
            raise BusyError(
                f"{', '.join(document['busy'])}: it, or another job of its group, is already running"
            )
        return document
    message = stderr.decode(errors="replace").strip().removeprefix("scheduled: ")
    error = {EXIT_USAGE: ConfigError, EXIT_BUSY: BusyError}.get(code, StateError)
    raise error(message or f"`scheduled run` ended with exit code {code} and no message")
