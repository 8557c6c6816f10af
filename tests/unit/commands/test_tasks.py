"""An immediate task requests its start so that neither a crash nor a tick in between loses it."""

import pytest

from scheduled.commands import tasks
from scheduled.config import edit
from scheduled.engine.runtime import open_runtime
from scheduled.errors import ConfigError, StateError
from scheduled.instance import Instance

COMMAND = {"command": "true"}


@pytest.fixture
def instance(tmp_path):
    (tmp_path / "scheduled.toml").touch()
    return Instance(str(tmp_path / "scheduled.toml"), str(tmp_path / "state"))


def requested(instance):
    with open_runtime(instance).ledger() as ledger:
        return [(row.job, row.event, row.payload) for row in ledger.start_requests()]


def test_the_start_is_requested_before_the_job_exists(instance, monkeypatch):
    before = []
    keep = edit.keep

    def look(*arguments, dry_run, **options):
        before.append(requested(instance))
        return keep(*arguments, dry_run=dry_run, **options)

    monkeypatch.setattr(edit, "keep", look)
    tasks.add_task(instance, "new", COMMAND)

    assert before[-1] == requested(instance) == [("new", "task_added", {})]


def test_a_request_that_a_tick_dropped_is_made_again(instance, monkeypatch):
    keep = edit.keep

    def drop(*arguments, **options):
        tasks._withdraw(open_runtime(instance), "new")
        return keep(*arguments, **options)

    monkeypatch.setattr(edit, "keep", drop)
    tasks.add_task(instance, "new", {**COMMAND, "at": "2020-01-02"})

    assert requested(instance) == [("new", "task_added", {"at": "2020-01-02"})]


def test_a_job_that_cannot_be_added_leaves_no_request(instance, monkeypatch):
    keep = edit.keep

    def fail(*arguments, dry_run, **options):
        if not dry_run:
            raise StateError("no space")
        return keep(*arguments, dry_run=dry_run, **options)

    monkeypatch.setattr(edit, "keep", fail)
    with pytest.raises(StateError):
        tasks.add_task(instance, "new", COMMAND)
    assert requested(instance) == []


@pytest.mark.parametrize(
    "definition", [{}, {"command": ""}, {**COMMAND, "cron": "61 * * * *"}, {**COMMAND, "at": "soon"}]
)
def test_a_definition_that_is_not_valid_is_refused_before_anything_is_written(instance, definition):
    with pytest.raises(ConfigError):
        tasks.add_task(instance, "new", definition)

    assert not instance.paths.ledger.exists()
