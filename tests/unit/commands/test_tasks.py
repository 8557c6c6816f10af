"""An immediate task requests its start so that neither a crash nor a tick in between loses it."""

import pytest

from scheduled import clock
from scheduled.commands import definitions, tasks
from scheduled.config import edit
from scheduled.engine import lost_steps
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


def test_a_disabled_task_is_not_started_at_once(instance):
    assert not tasks.add_task(instance, "new", {**COMMAND, "enabled": False, "at": "2020-01-02"})["immediate"]
    assert requested(instance) == []


def runs(instance):
    with open_runtime(instance).ledger() as ledger:
        return [(row.status, row.reason) for row in ledger.history(job="new")]


def test_a_removed_task_leaves_no_request_to_a_later_job_of_its_name(instance):
    tasks.add_task(instance, "new", COMMAND)
    definitions.remove(instance, "new")
    tasks.add_task(instance, "new", {**COMMAND, "at": "manual"})

    assert requested(instance) == []
    assert runs(instance) == [("skipped", "removed")]


def test_a_request_is_dropped_also_if_another_file_cannot_be_read(instance):
    tasks.add_task(instance, "new", COMMAND)
    (instance.config_file.parent / "jobs.d" / "bad.toml").write_text("[")
    definitions.remove(instance, "new")

    assert requested(instance) == []


def test_a_request_that_a_tick_dropped_with_a_trace_is_made_again(instance, monkeypatch):
    keep = edit.keep

    def drop(*arguments, **options):
        runtime = open_runtime(instance)
        with runtime.ledger() as ledger, ledger.transaction():
            lost_steps.drop(ledger, runtime, clock.now())
        return keep(*arguments, **options)

    monkeypatch.setattr(edit, "keep", drop)
    tasks.add_task(instance, "new", COMMAND)

    assert requested(instance) == [("new", "task_added", {})]
