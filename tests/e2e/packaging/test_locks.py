"""The versions that install.sh installs are those that pyproject.toml allows, each with hashes."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[3]
TABLE = tomllib.loads((ROOT / "pyproject.toml").read_text())
WANTED = {
    "base": TABLE["project"]["dependencies"],
    "build": TABLE["build-system"]["requires"],
    **{name: TABLE["project"]["optional-dependencies"][name] for name in ("web", "mcp", "dbus", "notify")},
}


def locked(name):
    """Return the version of each package in the file *name*, with the number of its hashes."""
    text = (ROOT / f"install/requirements/{name}.txt").read_text().replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line.strip() and line[0] != "#"]
    found = {}
    for line in lines:
        package, version = re.match(r"([a-z0-9_.-]+)==(\S+)", line).groups()
        found[package] = (version, line.count("--hash=sha256:"))
    return found


@pytest.mark.parametrize("name", WANTED)
def test_each_requirement_has_an_allowed_version(name):
    versions = locked(name)

    for requirement in map(Requirement, WANTED[name]):
        assert requirement.specifier.contains(versions[requirement.name][0]), "run `.ci/lock`"


@pytest.mark.parametrize("name", WANTED)
def test_each_version_has_a_hash(name):
    assert [package for package, (_, hashes) in locked(name).items() if not hashes] == []


def test_no_package_has_two_versions():
    versions = {}
    for name in ("base", "web", "mcp", "dbus", "notify"):
        for package, (version, _) in locked(name).items():
            versions.setdefault(package, set()).add(version)

    assert {package: found for package, found in versions.items() if len(found) > 1} == {}
