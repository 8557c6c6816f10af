"""`scheduled install` keeps the service files of the session bus current."""

from dataclasses import replace
from pathlib import Path

import pytest

from scheduled.commands import install as installing
from scheduled.install import crontab, dbus
from scheduled.instance import Instance


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
