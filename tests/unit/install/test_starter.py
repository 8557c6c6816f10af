import stat
import tomllib
from pathlib import Path

import pytest

from scheduled.config.files import load_config
from scheduled.errors import ConfigError
from scheduled.install import starter

BUILT_IN = ["health", "memory_rollover", "mail_cleanup", "metrics", "daily_report"]


@pytest.fixture
def home(tmp_path):
    tmp_path.chmod(0o700)
    return tmp_path


@pytest.fixture
def config(home):
    return home / "config" / "scheduled" / "scheduled.toml"


def test_without_a_workspace_no_setting_is_enabled():
    assert tomllib.loads(starter.starter()) == {}


def test_with_a_workspace_its_built_in_jobs_are_enabled(home, config):
    starter.write(config, home)

    found = load_config(config)

    assert (found.workspace, found.problems, found.warnings) == (home, [], [])
    assert [(job.name, job.action.name) for job in found.jobs.values()] == [(name, name) for name in BUILT_IN]
    assert [schedule.expression for job in found.jobs.values() for schedule in job.schedules] == [
        "0 * * * *"
    ] * 4 + ["0 8 * * *"]


def test_every_example_is_a_valid_job(config):
    config.parent.mkdir(parents=True)
    config.write_text(starter.uncomment(starter.starter()))

    found = load_config(config)

    assert found.problems == []
    assert list(found.jobs) == ["backup", "update-notes", "weekly-report", *BUILT_IN]


@pytest.mark.parametrize(
    "name", ["it's", 'quoted "hi"', "back\\slash", "tab\tand\nnewline", "caf\xe9", r"\1 \g<0>"]
)
def test_any_path_of_a_workspace_reads_back_as_it_was_written(name):
    text = starter.starter(Path("/home") / name)

    assert tomllib.loads(text)["workspace"] == f"/home/{name}"


def test_only_the_owner_can_read_it(config):
    assert starter.write(config)
    assert stat.S_IMODE(config.stat().st_mode) == 0o600
    assert stat.S_IMODE(config.parent.stat().st_mode) == 0o700


def test_an_existing_file_is_not_changed(config):
    starter.write(config)
    config.write_text("# mine")

    assert not starter.write(config)
    assert config.read_text() == "# mine"


@pytest.mark.parametrize("workspace", [None, Path("/")])
def test_an_unchanged_starter_is_removed(config, workspace):
    starter.write(config, workspace)

    assert starter.remove(config)
    assert not config.parent.exists()


def test_other_files_in_the_directory_are_kept(config):
    starter.write(config)
    (config.parent / "jobs.d").mkdir()

    assert starter.remove(config)
    assert (config.parent / "jobs.d").is_dir()


@pytest.mark.parametrize("text", ["", "# mine", "[jobs", "workspace = 3"])
def test_an_edited_starter_is_kept(config, text):
    starter.write(config)
    config.write_text(text)

    assert not starter.remove(config)
    assert config.read_text() == text


def test_a_workspace_that_does_not_exist_is_refused(home, config):
    with pytest.raises(ConfigError, match="no such directory"):
        starter.write(config, home / "nowhere")

    assert not config.exists()


def test_the_command_uses_the_path_that_the_program_reads(config, monkeypatch, capsys):
    monkeypatch.setenv("SCHEDULED_CONFIG", str(config))

    codes = [
        starter.main(["write"]),
        starter.main(["write"]),
        starter.main(["remove"]),
        starter.main(["remove"]),
    ]

    assert codes == [0, 0, 0, 0]
    assert capsys.readouterr().out.splitlines() == [
        f"wrote {config}",
        f"kept {config}: it already exists",
        f"removed {config}",
        f"{config} does not exist",
    ]
