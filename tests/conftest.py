"""Isolation of all tests from the user's home, XDG directories, crontab and session bus."""

import os
import signal
import sys
from pathlib import Path

import pytest
from hypothesis import settings

from scheduled import advice

pytest_plugins = [
    "tests.fixtures.fault_points",
    "tests.fixtures.file_systems",
    "tests.fixtures.real_workspace",
    "tests.fixtures.sample_workspace",
    "tests.fixtures.later_workspace",  # imports the one before
    "tests.fixtures.monitor",
    "tests.fixtures.web",
    "tests.fixtures.world",
    "tests.fixtures.zone_files",
    "tests.fixtures.crash_world",  # it imports the ones before
    "tests.fixtures.compound_world",
]

# The examples of property tests follow from the code by day (see tests/fixtures/seed.py).
settings.register_profile("fixed", derandomize=not os.environ.get("SCHEDULED_NIGHTLY"))
settings.load_profile("fixed")

SEALED = ("XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME", "XDG_RUNTIME_DIR")


def pytest_configure() -> None:
    """Put the program on PATH, as in an installation: messages then have the short form of its commands.

    Signals that a shell ignores in a process of the background get their default, which the tested programs inherit.
    """
    os.environ["PATH"] = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    for number, default in (
        (signal.SIGINT, signal.default_int_handler),
        (signal.SIGQUIT, signal.SIG_DFL),
        (signal.SIGHUP, signal.SIG_DFL),
    ):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, default)


@pytest.fixture(autouse=True)
def _default_instance(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forget the instance for which the command line, called in this process, completes commands in messages."""
    monkeypatch.setattr(advice, "_instance", [])


@pytest.fixture(autouse=True)
def seal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give every test its own home directory, and a `crontab` that fails if a test calls it by mistake."""
    home = tmp_path / "home"
    (home / "bin").mkdir(parents=True)
    refusing = home / "bin" / "crontab"
    refusing.write_text("#!/bin/sh\necho 'crontab: sealed: a test must bring its own' >&2\nexit 99\n")
    refusing.chmod(0o755)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("PATH", f"{home / 'bin'}:{os.environ['PATH']}")
    monkeypatch.setenv("TZ", "UTC")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", "disabled:")
    for name in (*SEALED, "SCHEDULED_CONFIG", "SCHEDULED_STATE"):
        monkeypatch.delenv(name, raising=False)
    return home
