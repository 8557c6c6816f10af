"""The commands in messages, typed as they are printed, reach the instance that printed them."""

import os
import re
import shutil
import sys

import pytest

from scheduled.install import demo
from tests.fixtures.faked_clock import completed
from tests.fixtures.world import ENTRY


@pytest.fixture
def path(tmp_path):
    """Put a `scheduled` on the PATH, as an installation does."""
    command = tmp_path / "home/bin/scheduled"
    command.write_text(f'#!/bin/sh\nexec {sys.executable} {ENTRY} "$@"\n')
    command.chmod(0o755)
    assert shutil.which("scheduled") == str(command)


def typed(line, **variables):
    """Run *line* in a shell as a person who is in another directory."""
    words = ["faketime", "-f", "+3h", "sh", "-c", line]
    environment = {**os.environ, "NO_FAKE_STAT": "1", **variables}
    return completed(words, cwd="/", env=environment)


def advised(text):
    return re.findall(r"`(\S*scheduled [^`]*)`", text)


@pytest.mark.usefixtures("path")
def test_the_demo_names_the_command_for_a_tick_of_the_demo_and_does_not_advise_its_installation(tmp_path):
    place = tmp_path / "demo"
    place.mkdir()
    demo.make(place)

    status = typed(f"scheduled --config {place}/scheduled.toml --state {place}/state status")
    commands = advised(status.stdout)
    done = [typed(f"{command} --json") for command in commands]

    assert [command.rpartition(" ")[2] for command in commands] == ["run"]
    assert [run.returncode for run in done] == [0]
    assert (place / "state/scheduled_state.json").exists()
    assert "ticks have stopped" not in typed(f"{commands[0].removesuffix('run')}status").stdout


@pytest.mark.usefixtures("path")
@pytest.mark.parametrize("by", ["options", "variables"])
def test_an_error_names_the_command_for_the_instance(tmp_path, by):
    config = tmp_path / "etc/scheduled.toml"
    config.parent.mkdir(mode=0o700)
    config.write_text('[jobs.a]\ncommand = "exit 3"\n')
    names = {"SCHEDULED_CONFIG": str(config), "SCHEDULED_STATE": str(tmp_path / "state")}
    options = f"--config {config} --state {tmp_path}/state" if by == "options" else ""

    failed = typed(f"scheduled {options} run a", **(names if by == "variables" else {}))
    [logs] = re.findall(r"\((\S*scheduled [^)]*logs a)\)", failed.stderr)
    [again] = advised(failed.stderr)

    assert (logs == "scheduled logs a") == (by == "variables")
    for command, code in ((logs, 0), (again, 1)):
        assert typed(command, **(names if by == "variables" else {})).returncode == code, command
