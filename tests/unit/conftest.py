"""Unit tests start no process. Tests that need one are in tests/e2e."""

import os
import subprocess
from multiprocessing.process import BaseProcess
from typing import Any, NoReturn

import pytest


def _refuse(*_: Any, **__: Any) -> NoReturn:
    raise AssertionError("a unit test starts no process: move it to tests/e2e")


@pytest.fixture(autouse=True)
def no_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the functions of the standard library that start a process raise AssertionError."""
    monkeypatch.setattr(subprocess, "Popen", _refuse)
    monkeypatch.setattr(BaseProcess, "start", _refuse)
    for name in ("fork", "forkpty", "posix_spawn", "posix_spawnp", "system", "execv", "execve"):
        monkeypatch.setattr(os, name, _refuse)
