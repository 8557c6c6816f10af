import os

import pytest

from scheduled.errors import ConfigError
from scheduled.state import trust
from scheduled.state.trust import warn_or_refuse

ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")


@pytest.fixture
def file(tmp_path):
    """A file in a directory that both belong to the user."""
    (tmp_path / "own").mkdir(mode=0o700)
    path = tmp_path / "own" / "scheduled.toml"
    path.touch(mode=0o600)
    return path


@pytest.mark.parametrize("mode", [0o600, 0o644, 0o400])
def test_a_file_of_the_user_is_accepted(file, mode):
    file.chmod(mode)

    assert warn_or_refuse(file) == []


@pytest.mark.parametrize("place", ["file", "directory"])
def test_a_file_that_everybody_may_write_is_refused_with_the_command(file, place):
    target = file if place == "file" else file.parent
    target.chmod(0o707)

    with pytest.raises(ConfigError) as raised:
        warn_or_refuse(file)

    assert str(raised.value) == f"{target}: is writable by all users; chmod o-w {target}"


def test_on_a_file_system_without_modes_the_advice_is_not_chmod(file, monkeypatch, tmp_path):
    device = file.stat().st_dev
    mounts = tmp_path / "mountinfo"
    mounts.write_text(
        f"21 1 0:1 / /proc rw - proc proc rw\n"
        f"36 25 {os.major(device)}:{os.minor(device)} / {tmp_path} rw,nosuid shared:9 - vfat /dev/sdb1 rw,fmask=0000\n"
    )
    monkeypatch.setattr(trust, "MOUNTS", mounts)
    file.chmod(0o777)

    with pytest.raises(
        ConfigError, match=r"is writable by all users; its file system \(vfat\) has no modes: use another"
    ):
        warn_or_refuse(file)


def test_a_file_in_a_sticky_directory_is_accepted(file):
    file.parent.chmod(0o1777)

    assert warn_or_refuse(file) == []


@ROOT
@pytest.mark.parametrize("place", ["file", "directory"])
def test_a_file_of_another_user_is_refused_with_the_command(file, place):
    target = file if place == "file" else file.parent
    os.chown(target, 4711, -1)

    with pytest.raises(ConfigError) as raised:
        warn_or_refuse(file)

    advice = f", or make it root's; chown 0 {target}" if place == "file" else ""
    assert str(raised.value) == f"{target}: belongs to user 4711: run this as user 4711, without sudo{advice}"


@ROOT
def test_a_file_that_another_group_may_write_causes_a_warning(file):
    os.chown(file, -1, 4711)
    file.chmod(0o660)

    assert warn_or_refuse(file) == [f"{file}: is writable by its group; chmod g-w {file}"]


def test_a_file_that_the_users_own_group_may_write_is_accepted(file):
    file.chmod(0o660)

    assert warn_or_refuse(file) == []


def test_a_link_is_checked_by_its_target(file, tmp_path):
    link = tmp_path / "link.toml"
    link.symlink_to(file)
    file.chmod(0o606)

    with pytest.raises(ConfigError, match=r"is writable by all users"):
        warn_or_refuse(link)


def test_a_missing_file_is_accepted(file):
    assert warn_or_refuse(file.with_name("nothing.toml")) == []
