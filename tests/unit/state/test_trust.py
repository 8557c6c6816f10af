import os

import pytest

from scheduled.errors import ConfigError
from scheduled.state import trust
from scheduled.state.trust import warn_or_refuse

ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")


@pytest.fixture
def file(tmp_path):
    """A file in a directory, both of them the user's own."""
    (tmp_path / "own").mkdir(mode=0o700)
    path = tmp_path / "own" / "scheduled.toml"
    path.touch(mode=0o600)
    return path


@pytest.mark.parametrize("mode", [0o600, 0o644, 0o400])
def test_a_file_of_ones_own_is_believed(file, mode):
    file.chmod(mode)

    assert warn_or_refuse(file) == []


@pytest.mark.parametrize("place", ["file", "directory"])
def test_what_everybody_may_write_is_refused_with_the_fix(file, place):
    target = file if place == "file" else file.parent
    target.chmod(0o707)

    with pytest.raises(ConfigError) as raised:
        warn_or_refuse(file)

    assert str(raised.value) == f"{target}: everybody may write it; chmod o-w {target}"


def test_where_there_are_no_modes_no_chmod_is_advised(file, monkeypatch, tmp_path):
    device = file.stat().st_dev
    mounts = tmp_path / "mountinfo"
    mounts.write_text(
        f"21 1 0:1 / /proc rw - proc proc rw\n"
        f"36 25 {os.major(device)}:{os.minor(device)} / {tmp_path} rw,nosuid shared:9 - vfat /dev/sdb1 rw,fmask=0000\n"
    )
    monkeypatch.setattr(trust, "MOUNTS", mounts)
    file.chmod(0o777)

    with pytest.raises(
        ConfigError, match=r"everybody may write it; its file system \(vfat\) has no modes: use another"
    ):
        warn_or_refuse(file)


def test_a_sticky_directory_lets_nobody_replace_a_file(file):
    file.parent.chmod(0o1777)

    assert warn_or_refuse(file) == []


@ROOT
@pytest.mark.parametrize("place", ["file", "directory"])
def test_what_belongs_to_somebody_else_is_refused_with_the_fix(file, place):
    target = file if place == "file" else file.parent
    os.chown(target, 4711, -1)

    with pytest.raises(ConfigError) as raised:
        warn_or_refuse(file)

    advice = f", or make it root's; chown 0 {target}" if place == "file" else ""
    assert str(raised.value) == f"{target}: belongs to user 4711: run this as user 4711, without sudo{advice}"


@ROOT
def test_what_another_group_may_write_is_warned_about(file):
    os.chown(file, -1, 4711)
    file.chmod(0o660)

    assert warn_or_refuse(file) == [f"{file}: its group may write it; chmod g-w {file}"]


def test_what_the_users_own_group_may_write_is_believed(file):
    file.chmod(0o660)

    assert warn_or_refuse(file) == []


def test_a_link_is_judged_by_what_it_leads_to(file, tmp_path):
    link = tmp_path / "link.toml"
    link.symlink_to(file)
    file.chmod(0o606)

    with pytest.raises(ConfigError, match=r"everybody may write it"):
        warn_or_refuse(link)


def test_what_does_not_exist_is_somebody_elses_business(file):
    assert warn_or_refuse(file.with_name("nothing.toml")) == []
