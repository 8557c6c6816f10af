"""The isolation in conftest.py: tests do not affect the user who runs them."""

import os
import pwd
import shutil
import subprocess
from pathlib import Path

from scheduled.paths import config_path, state_path
from tests.conftest import SEALED


def test_home_is_a_directory_of_the_test(seal, tmp_path):
    real = pwd.getpwuid(os.geteuid()).pw_dir

    assert (Path.home(), os.path.expanduser("~")) == (seal, str(seal))
    assert (seal.is_relative_to(tmp_path), str(seal) != real) == (True, True)


def test_configuration_and_state_are_in_this_home(seal):
    assert (config_path(None), state_path(None)) == (
        seal / ".config" / "scheduled" / "scheduled.toml",
        seal / ".local" / "state" / "scheduled",
    )


def test_no_environment_variable_names_another_directory():
    assert [name for name in (*SEALED, "SCHEDULED_CONFIG", "SCHEDULED_STATE") if name in os.environ] == []


def test_crontab_refuses_with_a_message(seal):
    done = subprocess.run(["crontab", "-l"], capture_output=True, text=True, check=False)

    assert shutil.which("crontab") == str(seal / "bin" / "crontab")
    assert (done.returncode, done.stdout, done.stderr) == (
        99, "", "crontab: sealed: a test must bring its own\n",
    )  # fmt: skip


def test_install_in_a_test_does_not_reach_the_real_crontab(world):
    world.configure("")

    done = world.run("install")

    assert done.returncode != 0
    assert "sealed: a test must bring its own" in done.stderr
