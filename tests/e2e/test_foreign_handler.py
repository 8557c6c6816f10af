"""The handler of docs/handlers.md, in a separate distribution, works like a built-in one."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fixtures.sample_workspace import Sample
from tests.fixtures.world import World

PAGE = (Path(__file__).parents[2] / "docs" / "handlers.md").read_text()
PROJECT = """
[build-system]
requires = ["setuptools"]
build-backend = "setuptools.build_meta"
[project]
name = "disk-space"
version = "1"
[tool.setuptools]
py-modules = ["disk_space"]
"""


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Install the example of the page with pip, in a directory that only this test uses."""
    source, target = tmp_path / "source", tmp_path / "installed"
    source.mkdir()
    (source / "disk_space.py").write_text(blocks("python")[0])
    (source / "pyproject.toml").write_text(PROJECT + blocks("toml")[0])
    pip = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", str(target), str(source)]
    done = subprocess.run(pip, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    monkeypatch.setenv(
        "PYTHONPATH", os.pathsep.join([str(target), os.environ.get("PYTHONPATH", "")]).rstrip(":")
    )


@pytest.mark.usefixtures("installed")
def test_the_handler_of_the_page_works_as_documented(world: World, sample: Sample) -> None:
    world.configure(f'workspace = "{sample.root}"\n' + blocks("toml")[1].replace("= 15", "= 101"))

    assert world.json("check")["problems"] == []
    first, second = world.run("run", "disk"), world.run("run", "disk")

    assert (first.returncode, second.returncode) == (0, 0), first.stderr + second.stderr
    mails = [mail["subject"] for mail in sample.mails("DEV_CENTRAL") if "disk" in mail["subject"]]
    assert mails == ["[SCHEDULED] The disk is nearly full"]

    world.configure(f'workspace = "{sample.root}"\n' + blocks("toml")[1].replace("= 15", "= 0"))
    world.run("run", "disk")

    mails = [mail["subject"] for mail in sample.mails("DEV_CENTRAL") if "disk" in mail["subject"]]
    assert mails == ["[SCHEDULED] The disk has free space again", "[SCHEDULED] The disk is nearly full"]


@pytest.mark.usefixtures("installed")
def test_its_options_are_validated(world: World) -> None:
    world.configure(blocks("toml")[1] + "lest_percent = 1\n")

    done = world.run("check", "--json")

    assert done.returncode == 2
    assert "lest_percent" in json.loads(done.stdout)["problems"][0]


def test_a_missing_handler_is_named(world: World) -> None:
    world.configure('[jobs.x]\nhandler = "missing"\n')

    done = world.run("check", "--json")

    assert done.returncode == 2
    assert "missing" in json.loads(done.stdout)["problems"][0]
    assert "health" in json.loads(done.stdout)["problems"][0]
