"""The units of docs/web.md: systemd accepts the sandbox of the server, and rates its exposure 3.0 or better."""

import re
import shutil
import subprocess
from configparser import ConfigParser
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[3] / "docs" / "web.md"
THRESHOLD = "30"  # tenths


@pytest.fixture
def units(tmp_path):
    """The paths of the units in the page, written as it shows them."""
    shown = re.findall(
        r"^# \S+/(scheduled-web\.\w+)\n(.*?)(?=^# ~|^```)", PAGE.read_text(), re.MULTILINE | re.DOTALL
    )
    for name, text in shown:
        (tmp_path / name).write_text(text)
    return {name: tmp_path / name for name, _ in shown}


def test_the_page_shows_a_socket_and_a_service(units):
    assert sorted(units) == ["scheduled-web.service", "scheduled-web.socket"]


def test_runs_outlive_the_server_and_are_started_outside_of_its_sandbox(units):
    text = units["scheduled-web.service"].read_text()
    unit = ConfigParser(strict=False)
    unit.optionxform = str
    unit.read_string(text.replace("%", "%%"))

    assert unit["Service"]["KillMode"] == "process"
    assert unit["Service"]["Environment"].strip('"').startswith("SCHEDULED_START_WITH=systemd-run --user ")
    assert (
        "AF_UNIX" in unit["Service"]["RestrictAddressFamilies"]
    )  # the user's systemd is reached through the bus
    for place in ("%h/.config/scheduled", "%h/.local/state/scheduled"):
        assert f"-{place}" in text


@pytest.mark.system
@pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="needs Debian's systemd (tests/run.sh installs it)"
)
def test_systemd_rates_the_exposure_of_the_server_3_or_better(units):
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--no-pager", f"--threshold={THRESHOLD}",
         units["scheduled-web.service"]],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip

    rated = re.search(r"Overall exposure level for \S+: (\d+\.\d)", done.stdout)
    assert rated, done.stdout + done.stderr
    assert float(rated[1]) <= 3.0 and done.returncode == 0
    assert "Unknown key" not in done.stderr
