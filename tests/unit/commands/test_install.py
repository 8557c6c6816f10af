"""`install` apart from the crontab: the service files of an earlier installation, and new directories."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from scheduled.commands import install as installing
from scheduled.install import crontab, dbus
from scheduled.instance import Instance
from scheduled.state.files import make_directories


@pytest.fixture
def home(seal):
    """A home directory with a configuration, a state directory and a fake `crontab`."""
    fake = seal / "bin/crontab"
    fake.write_text(
        f'#!/bin/sh\nF={seal}/tab\ncase $1 in\n-l) cat "$F" 2>/dev/null || {{ echo "no crontab for ada" >&2; exit 1; }};;\n'
        '*) cp "$1" "$F";;\nesac\n'
    )
    config = seal / "etc/scheduled.toml"
    config.parent.mkdir(mode=0o700)
    config.write_text("")
    return seal


def install(home, **options):
    return installing.install(Instance(str(home / "etc/scheduled.toml"), str(home / "state")), 5, **options)


def test_service_files_of_an_earlier_installation_are_updated(home):
    plan = crontab.install_plan(config=home / "etc/scheduled.toml", state=home / "state")
    removed = replace(plan, python=Path("/gone/bin/python"))
    placed = dbus.install(removed, dry_run=False)

    preview = install(home, dry_run=True)
    assert all("/gone/bin/python" in Path(path).read_text() for path in placed)
    done = install(home)

    assert preview["dbus"] == done["dbus"] == placed
    assert [str(plan.python) in Path(path).read_text() for path in placed] == [True, True]
    assert install(home)["dbus"] == []


def test_without_the_option_no_service_files_are_installed(home):
    assert (install(home)["dbus"], dbus.directory().exists()) == ([], False)


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_new_parent_directories_are_private_to_the_owner(tmp_path, umask):
    before = os.umask(umask)
    try:
        make_directories(tmp_path / "a/b/c")
        make_directories(tmp_path / "a/b/c")
    finally:
        os.umask(before)

    places = [tmp_path / "a", *(tmp_path / "a").rglob("*")]
    assert [oct(place.stat().st_mode & 0o777) for place in places] == ["0o700"] * 3


def test_a_file_at_the_path_of_a_directory_is_an_error(tmp_path):
    (tmp_path / "a").touch()

    with pytest.raises(FileExistsError):
        make_directories(tmp_path / "a")
