"""The seal: no test reaches the user's home, XDG directories, crontab or session bus."""

import os
from pathlib import Path

import pytest

pytest_plugins = [
    "tests.fixtures.fault_points",
    "tests.fixtures.sample_workspace",
    "tests.fixtures.web",
    "tests.fixtures.world",
    "tests.fixtures.zone_files",
    "tests.fixtures.crash_world",  # imports the others
]

SEALED = ("XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME", "XDG_RUNTIME_DIR")


@pytest.fixture(autouse=True)
def seal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give every test a home of its own, and a `crontab` that refuses to be called by accident."""
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
