"""A run that somebody asks for through a door: in a process of its own, which outlives whoever asked."""

import os
import select
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from threading import Lock
from typing import IO, Any

import msgspec

from scheduled.errors import EXIT_BUSY, EXIT_USAGE, BusyError, ConfigError, StateError
from scheduled.ranges import within
from scheduled.state.paths import Paths

ENTRY = Path(__file__).parent / "__main__.py"
LONGEST = 600  # seconds that somebody may wait for the end of a run
_under_way: list[int] = []
_reaping = Lock()  # doors ask from several threads


def start(config_file: Path, paths: Paths, words: Sequence[str], *, wait: float) -> dict[str, Any]:
    """Start a verb that makes a tick (`run`, `rerun`); wait for its end for *wait* seconds.

    Return whether it is `over`, and if so its document as `result`. Raises what the verb was refused for.
    """
    within("wait", wait, 0, LONGEST)
    _reap()
    command = [sys.executable, str(ENTRY), "--config", str(config_file), "--state", str(paths.root), *words]
    with tempfile.TemporaryFile() as said, tempfile.TemporaryFile() as troubles:
        process = _spawn([*command, "--json"], said, troubles)
        code = _end(process, wait)
        if code is None:
            _under_way.append(process)
            return {"over": False, "result": None}
        return {"over": True, "result": _result(code, _all(said), _all(troubles))}


def _spawn(command: list[str], said: IO[bytes], troubles: IO[bytes]) -> int:
    """Start a process; no Popen, which wants to see the end of every child."""
    actions = [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_DUP2, said.fileno(), 1),
        (os.POSIX_SPAWN_DUP2, troubles.fileno(), 2),
    ]
    try:
        return os.posix_spawn(command[0], command, os.environ, file_actions=actions, setsid=True)
    except OSError as error:
        raise StateError(f"{command[0]}: {error.strerror}") from error


def _end(process: int, wait: float) -> int | None:
    """Wait for a process; return its exit code, or None if it goes on."""
    watched = os.pidfd_open(process)
    try:
        over, _, _ = select.select([watched], [], [], wait)
    finally:
        os.close(watched)
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) if over else None


def _reap() -> None:
    """Let go of those that have ended meanwhile."""
    with _reaping:
        _under_way[:] = [process for process in _under_way if os.waitpid(process, os.WNOHANG)[0] == 0]


def _all(file: IO[bytes]) -> bytes:
    file.seek(0)
    return file.read()


def _result(code: int, said: bytes, troubles: bytes) -> Any:
    if said:
        return msgspec.json.decode(said)
    told = troubles.decode(errors="replace").strip().removeprefix("scheduled: ") or f"ended with {code}"
    raise {EXIT_USAGE: ConfigError, EXIT_BUSY: BusyError}.get(code, StateError)(told)
