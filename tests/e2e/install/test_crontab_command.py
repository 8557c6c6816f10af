"""The block is written and removed through a `crontab` command."""

import os
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from scheduled.errors import ConfigError
from scheduled.install import crontab
from scheduled.install.block import InstallPlan
from scheduled.install.block_lines import BEGIN

HOME = Path("/home/ada")


PLAN = InstallPlan(
    python=Path("/home/ada/venv/bin/python"),
    main=Path("/home/ada/venv/lib/scheduled/__main__.py"),
    config=HOME / ".config/scheduled/scheduled.toml",
    state=HOME / ".local/state/scheduled",
    home=HOME,
)


class FakeCrontab:
    """A `crontab` command on PATH with its file in a directory of the test; *spoil* is shell code after a write."""

    def __init__(self, directory, spoil=":"):
        self.file = directory / "crontab.txt"
        self.state = directory / "state"
        self.bin = directory / "bin"
        self.bin.mkdir()
        script = self.bin / "crontab"
        script.write_text(
            f'#!/bin/sh\nF="{self.file}"\n'
            'case "$1" in\n'
            '-l) [ -e "$F" ] && exec cat "$F"; echo "no crontab for ada" >&2; exit 1;;\n'
            '-r) rm "$F";;\n'
            '-e) exec $VISUAL "$F";;\n'
            f'*) cat "$1" > "$F"; {spoil};;\n'
            "esac\n"
        )
        script.chmod(0o755)

    def install(self, plan=PLAN, **options):
        return crontab.install(replace(plan, state=self.state), **options)

    def uninstall(self, **options):
        return crontab.uninstall(state=self.state, **options)


@pytest.fixture
def fake(tmp_path, monkeypatch):
    fake = FakeCrontab(tmp_path)
    monkeypatch.setenv("PATH", f"{fake.bin}:/usr/bin:/bin")
    return fake


def test_without_a_crontab_install_creates_one_and_uninstall_removes_it(fake):
    installed = fake.install()
    removed = fake.uninstall()

    assert (installed.changed, installed.before, installed.backup) == (True, b"", None)
    assert (removed.changed, removed.before, removed.after) == (True, installed.after, b"")
    assert not fake.file.exists()


def test_the_second_install_writes_nothing(fake):
    fake.install()
    seen = fake.file.stat().st_mtime_ns

    again = fake.install()

    assert (again.changed, again.backup) == (False, None)
    assert fake.file.stat().st_mtime_ns == seen


def test_a_dry_run_changes_nothing_and_returns_the_change(fake):
    fake.file.write_bytes(b"# mine\n")

    result = fake.install(dry_run=True)

    assert (result.changed, result.backup) == (True, None)
    assert result.after.startswith(b"# mine\n" + BEGIN)
    assert fake.file.read_bytes() == b"# mine\n"
    assert not fake.state.exists()


def test_the_backup_of_the_old_crontab_is_readable_only_by_its_owner(fake):
    fake.file.write_bytes(b"# mine\n")

    backup = fake.install().backup

    assert backup.read_bytes() == b"# mine\n"
    assert stat.S_IMODE(backup.stat().st_mode) == 0o600
    assert stat.S_IMODE(fake.state.stat().st_mode) == 0o700


def test_the_last_ten_backups_are_kept(fake):
    fake.file.write_bytes(b"# mine\n")
    kept = [(fake.install() if number % 2 == 0 else fake.uninstall()).backup for number in range(13)]

    assert sorted((fake.state / "backups").iterdir()) == kept[-10:]


def test_nothing_is_changed_if_the_backup_cannot_be_written(fake):
    fake.file.write_bytes(b"# mine\n")
    fake.state.write_text("a file where the directory should be")

    with pytest.raises(crontab.CrontabError, match="can't be kept"):
        fake.install()

    assert fake.file.read_bytes() == b"# mine\n"


def test_in_a_crontab_that_sets_home_the_commands_name_both_paths(fake):
    fake.file.write_bytes(b"HOME=/elsewhere\n")

    assert b" --config " in fake.install().after


def test_a_write_that_does_not_read_back_is_undone(tmp_path, monkeypatch):
    fake = FakeCrontab(
        tmp_path, spoil=f'if grep -q ">>>" "$F" && mkdir "{tmp_path}/once"; then echo theirs >> "$F"; fi'
    )
    monkeypatch.setenv("PATH", f"{fake.bin}:/usr/bin:/bin")
    fake.file.write_bytes(b"# mine\n")

    with pytest.raises(crontab.CrontabChangedError, match="so the old crontab was restored"):
        fake.install()

    assert fake.file.read_bytes() == b"# mine\n"
    assert any(b"theirs" in kept.read_bytes() for kept in (fake.state / "backups").iterdir())


def test_a_crontab_that_cannot_be_read_exactly_is_refused(fake):
    fake.file.write_bytes(b"# \\r\n")
    script = fake.bin / "crontab"
    script.write_text(script.read_text().replace("exec $VISUAL", "exit 1"))

    with pytest.raises(crontab.CrontabError, match="may be a control character"):
        fake.install()


def test_a_last_line_that_was_changed_after_the_installation_does_not_prevent_uninstall(fake):
    fake.file.write_bytes(b"# no newline")
    fake.install()
    fake.file.write_bytes(fake.file.read_bytes().replace(b"# no newline", b"* * * * * job"))

    assert fake.uninstall().after == b"* * * * * job\n"


def test_without_the_crontab_command_the_error_names_the_package(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(crontab.CrontabMissingError, match="apt-get install cron") as caught:
        crontab.read()

    assert caught.value.exit_code == 1


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file to another user")
def test_files_of_another_user_are_refused(fake, tmp_path):
    config = tmp_path / "scheduled.toml"
    config.touch()
    os.chown(config, 65534, 65534)

    with pytest.raises(ConfigError, match="run it as nobody"):
        fake.install(replace(PLAN, config=config))

    assert not fake.file.exists()
