"""A run that somebody asks for through a door: in a process of its own, which outlives whoever asked."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from scheduled.errors import EXIT_BUSY, EXIT_USAGE, BusyError, ConfigError, StateError
from scheduled.state.paths import Paths

ENTRY = Path(__file__).parent / "__main__.py"
_under_way: list[subprocess.Popen[bytes]] = []


def start(config_file: Path, paths: Paths, words: Sequence[str], *, wait: float) -> dict[str, Any]:
    """Start a verb that makes a tick (`run`, `rerun`); wait for its end for *wait* seconds.

    Return whether it is `over`, and if so its document as `result`. Raises what the verb was refused for.
    """
    with tempfile.TemporaryFile() as said, tempfile.TemporaryFile() as troubles:
        process = subprocess.Popen(
            [
                sys.executable,
                str(ENTRY),
                "--config",
                str(config_file),
                "--state",
                str(paths.root),
                *words,
                "--json",
            ],
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=troubles,
            start_new_session=True,
        )
        _reap()
        try:
            code = process.wait(timeout=wait)
        except subprocess.TimeoutExpired:
            _under_way.append(process)
            return {"over": False, "result": None}
        return {"over": True, "result": _result(code, _all(said), _all(troubles))}


def _reap() -> None:
    _under_way[:] = [process for process in _under_way if process.poll() is None]


def _all(file: Any) -> bytes:
    file.seek(0, os.SEEK_SET)
    return bytes(file.read())


def _result(code: int, said: bytes, troubles: bytes) -> Any:
    if said:
        return msgspec.json.decode(said)
    told = troubles.decode(errors="replace").strip().removeprefix("scheduled: ") or f"ended with {code}"
    raise {EXIT_USAGE: ConfigError, EXIT_BUSY: BusyError}.get(code, StateError)(told)
