"""A tick notices a changed configuration once."""

import pytest

from scheduled.config.files import load_config
from scheduled.engine import config_changes
from scheduled.engine.log import describe


class Meta(dict):
    meta = dict.get
    remember = dict.__setitem__


@pytest.fixture
def noted(tmp_path):
    ledger, path = Meta(), tmp_path / "scheduled.toml"

    def note(text):
        path.write_text(text)
        return [describe(event) for event in config_changes.note(ledger, load_config(path))]

    return note


def test_the_first_configuration_is_no_change_and_a_changed_one_is_noticed_once(noted):
    assert noted('[jobs.a]\nevery = "1h"\ncommand = "true"\n') == []
    edited = '[jobs.a]\nevery = "2h"\ncommand = "true"\n[jobs.b]\ncommand = "true"\n'
    assert noted(edited) == ["configuration_changed added=b changed=a.every"]
    assert noted(edited) == []
    assert noted("# mine\n" + edited) == []
    assert noted("") == ["configuration_changed removed=a,b"]


def test_a_new_job_is_added_when_its_definition_is_accepted(noted):
    noted("")
    assert noted('[jobs.a]\ncron = "nonsense"\ncommand = "true"\n') == []
    assert noted('[jobs.a]\ncron = "@daily"\ncommand = "true"\n') == ["configuration_changed added=a"]
    assert noted('[jobs.a]\ncron = "nonsense"\ncommand = "true"\n') == [
        "configuration_changed changed=a.cron"
    ]


def test_a_job_that_was_refused_at_first_is_added_later(noted):
    noted('[jobs.a]\ncron = "nonsense"\n')

    assert noted('[jobs.a]\ncommand = "true"\n') == ["configuration_changed added=a"]


def test_a_long_list_is_cut_in_the_log(noted):
    noted("")
    [line] = noted("".join(f"[jobs.j{number:02}]\ncommand = 'true'\n" for number in range(25)))

    assert line.endswith("j18,j19,5_more")


def test_jobs_of_a_file_that_cannot_be_read_are_not_reported(noted, tmp_path):
    (tmp_path / "jobs.d").mkdir()
    extra = tmp_path / "jobs.d" / "extra.toml"
    extra.write_text("[jobs.x]\ncommand = 'true'\n")
    noted("")
    extra.write_text("[")
    assert noted("") == []
    extra.write_text("[jobs.x]\ncommand = 'false'\n")
    assert noted("") == ["configuration_changed changed=x.command"]
