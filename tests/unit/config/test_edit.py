"""An edit is written only if the whole configuration is valid with it."""

import re
from pathlib import Path

import pytest

from scheduled.cli import render_changes
from scheduled.config import aliases, edit, edit_settings, job_edits
from scheduled.config.files import load_config
from scheduled.errors import ConfigError
from scheduled.paths import Paths

TEXT = """# mine
timezone = "UTC"   # ours

[jobs.a]
cron = "@daily"  # at night
command = "true"

# about b
[jobs.b]
chain = ["a"]
"""


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "etc" / "scheduled.toml"
    path.parent.mkdir(mode=0o700)
    path.write_text(TEXT)
    return path


@pytest.fixture
def paths(tmp_path):
    return Paths(tmp_path / "state")


def test_to_remove_a_key_of_a_table_that_is_not_there_changes_nothing(config):
    found = edit_settings.change(config, "defaults", {"only_if": None})

    assert found.after == found.before


def test_an_added_job_is_loaded_as_it_was_given(config, paths):
    table = {
        "cron": "H 3 * * *",
        "command": ["echo", 'a "b"', "ü\n"],
        "env": {"K": "v=w"},
        "retry": {"max_attempts": 2},
    }

    edit.keep(config, paths, job_edits.addition(config, paths, "new.job@x", table), dry_run=False)

    job = load_config(config).jobs["new.job@x"]
    assert (job.action.words, job.env, job.retry.max_attempts) == (("echo", 'a "b"', "ü\n"), {"K": "v=w"}, 2)


@pytest.mark.parametrize(
    "table",
    [{}, {"command": "x", "cron": "99 * * * *"}, {"command": "x", "nonsense": 1}, {"chain": ["missing"]}],
)
def test_a_wrong_job_is_not_written(config, paths, table):
    with pytest.raises(ConfigError):
        edit.keep(config, paths, job_edits.addition(config, paths, "new", table), dry_run=False)

    assert not (config.parent / "jobs.d").exists()


def test_a_removal_removes_only_its_job(config, paths):
    done = edit.keep(config, paths, job_edits.removal(config, "b"), dry_run=False)

    assert config.read_text().startswith(TEXT.partition("\n# about b")[0])
    assert list(load_config(config).jobs) == ["a"]
    assert Path(done["backup"]).read_text() == TEXT


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("# ours\n[jobs.x]\ncommand = 'true'  # why\n", "# ours\n"),
        ("[jobs.x]\ncommand = 'true'\n\n# until May\n", "\n# until May\n"),
        ("[jobs.x]\ncommand = 'true'\n# once more\n[jobs.x.env]\nA = 'b'\n# about y\n[jobs.y]\ncommand = 'true'\n",
         "# about y\n[jobs.y]\ncommand = 'true'\n"),
        ("[jobs]\n# all of them\nx.command = 'true'\n", "[jobs]\n# all of them\n"),
    ],
)  # fmt: skip
def test_a_removal_keeps_the_rest_of_the_file(config, paths, text, left):
    (config.parent / "jobs.d").mkdir(mode=0o700)
    file = config.parent / "jobs.d" / "x.toml"
    file.write_text(text)

    done = edit.keep(config, paths, job_edits.removal(config, "x"), dry_run=False)

    assert (done["changed"], done["deleted"], file.read_text()) == (True, False, left)


@pytest.mark.parametrize(
    "text", ["[jobs.x]\n# why\ncommand = '''\n# no comment\n'''\n\n", "[jobs]\nx.command = 'true'\n"]
)
def test_a_file_that_holds_only_the_removed_job_is_deleted_and_the_output_reports_it(
    config, paths, text, capsys
):
    (config.parent / "jobs.d").mkdir(mode=0o700)
    file = config.parent / "jobs.d" / "x.toml"
    file.write_text(text)
    preview = edit.keep(config, paths, job_edits.removal(config, "x"), dry_run=True)
    there = file.exists()

    done = edit.keep(config, paths, job_edits.removal(config, "x"), dry_run=False)

    assert (preview["deleted"], there, done["deleted"], file.exists()) == (True, True, True, False)
    assert Path(done["backup"]).read_text() == text
    for result in (preview, done):
        render_changes.edited(result)
        assert "deleted, because it contain" in capsys.readouterr().out


def test_scheduled_toml_is_never_deleted(config, paths):
    config.write_text("[jobs.x]\ncommand = 'true'\n")

    done = edit.keep(config, paths, job_edits.removal(config, "x"), dry_run=False)

    assert (done["deleted"], config.read_text()) == (False, "")


def test_a_job_that_another_job_needs_is_not_removed(config, paths):
    with pytest.raises(ConfigError, match="no such job: a"):
        edit.keep(config, paths, job_edits.removal(config, "a"), dry_run=False)

    assert config.read_text() == TEXT


def test_problems_that_exist_already_do_not_prevent_an_edit(config, paths):
    config.write_text(TEXT + "[jobs.broken]\n")

    assert edit.keep(config, paths, job_edits.removal(config, "broken"), dry_run=False)["changed"]
    assert load_config(config).problems == []


def test_an_unreadable_configuration_can_be_repaired(config, paths):
    config.write_text("nonsense")

    assert edit.keep(config, paths, edit.Edit(config, b"nonsense", TEXT.encode()), dry_run=False)["changed"]


def test_a_change_by_another_process_is_not_overwritten(config, paths):
    with pytest.raises(ConfigError, match="changed by another process"):
        edit.keep(config, paths, edit.Edit(config, b"another", b""), dry_run=False)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"job_type": "interval", "schedule": "30m", "command": "x"}, {"every": "30m", "command": "x"}),
        ({"job_type": "cron", "schedule": "@daily", "command": "x", "arguments": "-a"}, {"cron": "@daily", "command": "x -a"}),
        ({"job_type": "manual", "command": "x", "is_active": 0, "id": 7}, {"command": "x", "enabled": False}),
        ({"job_type": "event", "schedule": "job_failed", "command": "x"}, {"on": "job_failed", "command": "x"}),
        ({"job_type": "manual", "command": "x", "retry_on_fail": 1, "timeout_seconds": 9}, {"command": "x", "retry": {"max_attempts": 4}, "timeout": 9}),
        ({"cron": "@daily", "command": "x"}, {"cron": "@daily", "command": "x"}),
    ],
)  # fmt: skip
def test_the_keys_of_other_schedulers_are_converted(given, expected):
    assert aliases.from_json({"name": "n", **given}) == ("n", expected)


@pytest.mark.parametrize(
    "document",
    [[], {"cron": "@daily"}, {"name": 3}, {"name": "n", "job_type": "chain"}, {"name": "n", "job_type": "x"}],
)
def test_a_document_that_is_not_a_job_is_refused(document):
    with pytest.raises(ConfigError):
        aliases.from_json(document)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"retry_on_fail": 1, "max_retries": "many"}, "max_retries: must be a number, got 'many'"),
        (
            {"job_type": None, "max_retries": -1},
            "max_retries: must be a whole number from 0 (one attempt) to 999, got -1",
        ),
        (
            {"job_type": None, "max_retries": 1000},
            "max_retries: must be a whole number from 0 (one attempt) to 999, got 1000",
        ),
        ({"job_type": None, "max_retries": 2.5}, "max_retries: must be a whole number from 0"),
        ({"retry_on_fail": 1, "max_retries": -2}, "max_retries: must be a whole number from 0"),
        ({"script_path": "x.py", "arguments": "'open"}, 'arguments: No closing quotation in "\'open"'),
        ({"script_path": "x.py", "arguments": 5}, "arguments: must be a string, got 5"),
    ],
)
def test_an_invalid_value_of_another_scheduler_is_named(given, message):
    with pytest.raises(ConfigError, match=re.escape(message)):
        aliases.from_json({"name": "n", "job_type": "manual", "command": "x", **given})
