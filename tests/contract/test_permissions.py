"""Permission is asked of what a change does: every key, added, changed and removed, at every interface without permission."""

import json
from types import SimpleNamespace

import msgspec
import pytest

from scheduled import service
from scheduled.commands import definitions
from scheduled.commands import settings as settings_commands
from scheduled.config import effects
from scheduled.config.action_keys import job_table
from scheduled.config.tables import DefaultsTable, SettingsTable
from scheduled.errors import ForbiddenError, ScheduledError
from scheduled.instance import Instance
from scheduled.interfaces.dbus import bot_cron_calls, own
from scheduled.interfaces.mcp.cron_tools import CronTools
from scheduled.interfaces.mcp.scheduler_tools import SchedulerTools
from scheduled.interfaces.permissions import Permissions
from scheduled.interfaces.web.api.operation import Arguments
from scheduled.interfaces.web.api.operations import OPERATIONS
from scheduled.schedules.kinds import reading
from tests.fixtures.interfaces.keys import EXECUTES, HARMLESS, SAMPLES, STARTS

COMMANDS_OF_POLICIES = [("skip", "test -e done"), ("test -e done", "rerun"), ("test -e done", None), (None, "test -e done"),
                        ("test -e a", "test -e b")]  # fmt: skip
OTHERS = '[jobs.wipe]\ncommand = "true"\n[jobs.other]\ncommand = "true"\n'


def toml(value):
    """Return *value* as TOML, a table on one line."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} = {toml(inner)}" for key, inner in value.items()) + "}"
    return json.dumps(value)


def table(name, values):
    return "".join([f"[{name}]\n", *(f"{key} = {toml(value)}\n" for key, value in values.items())])


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A configuration; edits of it that are allowed are kept in `made`, and not written."""
    made, config = [], tmp_path / "scheduled.toml"
    for module in (definitions, settings_commands):
        monkeypatch.setattr(module, "keep", lambda _, edit, *, dry_run: made.append(edit) or {})  # noqa: ARG005
    monkeypatch.setattr(service, "add_task", service.add)

    def write(job=None, settings=""):
        config.write_text(settings + OTHERS + ("" if job is None else table("jobs.mine", job)))

    write()
    return SimpleNamespace(instance=Instance(str(config), str(tmp_path / "state")), write=write, made=made)


def operation(method, path):
    return next(found.call for found in OPERATIONS if (found.method, found.path) == (method, path))


def rest_add(instance, table):
    operation("POST", "/jobs")(instance, Arguments("", None, {"name": "new", **table}))


def rest_edit(instance, before, changes):  # noqa: ARG001 - as the others
    operation("PATCH", "/jobs/{job}")(instance, Arguments("mine", None, changes))


def dbus_add(instance, table):
    own.ask(instance, "add", {"name": "new", "definition": table})


def dbus_edit(instance, before, changes):  # noqa: ARG001
    own.ask(instance, "edit", {"job": "mine", "changes": changes})


def dbus_replace(instance, before, changes):
    after = {key: value for key, value in {**before, **changes}.items() if value is not None}
    own.ask(instance, "replace", {"job": "mine", "definition": after})


def bot_edit(instance, before, changes):  # noqa: ARG001
    for key, value in changes.items():
        bot_cron_calls.update_config(instance, "jobs.mine", key, value)


def bot_edit_at_once(instance, before, changes):  # noqa: ARG001
    bot_cron_calls.update_config(instance, "jobs.mine", "", changes)


def cron_add(instance, table):
    CronTools(Permissions(instance, "mcp", "add_commands")).cron_add("new", options=table)


def add_task(instance, table):
    SchedulerTools(Permissions(instance, "mcp", "add_commands")).scheduler_add_task(
        "new", "custom", config=table
    )


ADDING = {rest_add: HARMLESS | STARTS, dbus_add: HARMLESS | STARTS, cron_add: HARMLESS, add_task: HARMLESS}
EDITING = [rest_edit, dbus_edit, dbus_replace, bot_edit, bot_edit_at_once]


def cron_remove(instance):
    CronTools(Permissions(instance, "mcp", "add_commands")).cron_remove("mine")


def remove_task(instance):
    tools = SchedulerTools(Permissions(instance, "mcp", "add_commands"))
    tools._task = lambda _: {"status": "pending"}
    tools.scheduler_remove_task("mine")


def refused(change, *given):
    """Return whether permission for a change is missing; any other error is none of the permission's."""
    try:
        change(*given)
    except ForbiddenError:
        return True
    except ScheduledError as error:
        pytest.fail(f"{change.__name__} {given[1:]}: {error}")
    return False


def test_every_key_of_a_job_and_every_setting_has_a_kind_of_effect_and_is_tested_here():
    known = {*job_table().__struct_fields__, *reading.known_keys()}

    assert known == effects.JOB_KEYS.keys() == SAMPLES.keys()
    assert {key for key, kind in effects.JOB_KEYS.items() if kind == "executes"} == EXECUTES.keys()
    assert {key for key, kind in effects.JOB_KEYS.items() if kind == "starts"} == STARTS.keys()
    assert settings() == effects.SETTINGS.keys()


def settings():
    tables = msgspec.to_builtins(SettingsTable())
    flat = {f"{name}.{key}" for name, table in tables.items() if isinstance(table, dict) for key in table}
    return flat | {name for name, value in tables.items() if not isinstance(value, dict)}


@pytest.mark.parametrize("add", ADDING, ids=lambda add: add.__name__)
def test_a_key_of_a_new_job_needs_the_permission_for_its_effect(place, add):
    place.write(settings='[mcp]\nallow = ["add"]\n')

    found = {key for key, (value, _) in SAMPLES.items() if refused(add, place.instance, {key: value})}

    assert found == SAMPLES.keys() - ADDING[add].keys()
    assert refused(add, place.instance, {"handler": "of_another_distribution"})
    assert len(place.made) == len(ADDING[add])


@pytest.mark.parametrize("edit", EDITING, ids=lambda edit: edit.__name__)
@pytest.mark.parametrize("how", ["added", "changed", "removed"])
def test_a_key_of_a_job_needs_the_permission_for_its_effect_however_it_changes(place, edit, how):
    found = set()
    for key, (one, other) in SAMPLES.items():
        base = {} if key in ("command", "python", "handler", "chain") else {"command": "true"}
        before = base if how == "added" else {**base, key: one}
        after = {"added": one, "changed": other, "removed": None}[how]
        place.write(before)
        if refused(edit, place.instance, before, {key: after}):
            found.add(key)

    same = {key for key, (one, other) in EXECUTES.items() if how == "changed" and one == other}
    assert found == EXECUTES.keys() - same


@pytest.mark.parametrize("edit", EDITING, ids=lambda edit: edit.__name__)
@pytest.mark.parametrize(("one", "other"), COMMANDS_OF_POLICIES)
def test_a_command_for_interrupted_runs_is_not_set_or_dropped_without_permission(place, edit, one, other):
    before = {"command": "true"} if one is None else {"command": "true", "on_interrupted": one}
    place.write(before)

    assert refused(edit, place.instance, before, {"on_interrupted": other})


@pytest.mark.parametrize("edit", EDITING, ids=lambda edit: edit.__name__)
def test_to_remove_a_policy_with_a_command_as_its_default_needs_the_permission(place, edit):
    before = {"command": "true", "on_interrupted": "skip"}
    place.write(before, '[defaults]\non_interrupted = "test -e done"\n')

    assert refused(edit, place.instance, before, {"on_interrupted": None})


@pytest.mark.parametrize("how", ["added", "changed", "removed"])
def test_a_key_of_the_defaults_needs_the_permission_for_its_effect(place, how):
    found = set()
    keys = [key for key in SAMPLES if key in DefaultsTable.__struct_fields__]
    for key in keys:
        one, other = SAMPLES[key]
        place.write(settings="" if how == "added" else table("defaults", {key: one}))
        after = {"added": one, "changed": other, "removed": None}[how]
        if refused(bot_cron_calls.update_config, place.instance, "defaults", key, after):
            found.add(key)

    assert found == {
        key
        for key in EXECUTES
        if key in keys and not (how == "changed" and EXECUTES[key][0] == EXECUTES[key][1])
    }


def test_a_setting_needs_the_permission_for_its_effect(place):
    values = {"timezone": "UTC", "workspace": "/a", "workspace_layout": "first", "max_parallel": 3}
    found = set()
    for name in effects.SETTINGS:
        section, _, key = name.rpartition(".")
        if refused(bot_cron_calls.update_config, place.instance, section, key, values.get(name, 7)):
            found.add(name)

    assert found == {name for name, kind in effects.SETTINGS.items() if kind == "executes"}


@pytest.mark.parametrize("remove", [cron_remove, remove_task], ids=lambda remove: remove.__name__)
def test_to_remove_a_key_with_its_job_needs_the_permission_to_remove_the_key(place, remove):
    found = set()
    for key, (value, _) in SAMPLES.items():
        job = {"cron": "@daily", key: value, "labels": {"added_by": "mcp"}}
        job |= {} if job.keys() & {"command", "python", "chain"} else {"handler": "health"}
        place.write(job, '[mcp]\nallow = ["add"]\n')
        found |= {key} if refused(remove, place.instance) else set()
        place.write(job, '[mcp]\nallow = ["add"]\nadd_commands = true\n')
        assert not refused(remove, place.instance)

    assert found == EXECUTES.keys()


def test_a_chain_needs_the_permission_to_start_the_jobs_that_it_names(place):
    place.write(settings='[mcp]\nallow = ["add"]\n')
    with pytest.raises(
        ForbiddenError, match=r'may not start runs \(wipe, other\); .* allow = \["add", "run"\]'
    ):
        cron_add(place.instance, {"cron": "@daily", "chain": ["wipe", ["other", "wipe"]]})

    place.write(settings='[mcp]\nallow = ["add", "run"]\n')
    cron_add(place.instance, {"cron": "@daily", "chain": ["wipe"]})
    assert len(place.made) == 1


def test_a_job_without_which_a_chain_of_the_user_cannot_run_needs_the_permission_to_start_it(place):
    place.write({"cron": "@daily", "chain": ["new", "wipe"]}, '[mcp]\nallow = ["add"]\n')

    with pytest.raises(ForbiddenError, match=r"may not start runs \(mine\); "):
        cron_add(place.instance, {"handler": "health"})


def test_a_definition_that_cannot_run_yet_needs_the_permission_too(place):
    """The error in the job hides nothing: the command would run once the user has corrected the error."""
    place.write({"cron": "61 * * * *", "command": "true"})

    assert all(
        refused(edit, place.instance, {"cron": "61 * * * *", "command": "true"}, {"command": "false"})
        for edit in EDITING
    )


def test_the_same_definition_again_needs_no_permission(place):
    before = {"command": "true", "env": {"API_TOKEN": "hunter2"}, "only_if": {"path": "/a"}, "cron": "@daily"}
    place.write(before)
    shown = own.ask(place.instance, "written", {"job": "mine"})

    assert shown["env"] == {"API_TOKEN": "***"}
    own.ask(place.instance, "replace", {"job": "mine", "definition": {**shown, "cron": "@hourly"}})
    assert len(place.made) == 1


def test_the_crontab_is_written_only_with_the_permission_for_what_is_executed(place, monkeypatch):
    monkeypatch.setattr(service, "resume", lambda _: [{"was_paused": True}])
    tools = SchedulerTools(Permissions(place.instance, "mcp", "add_commands"))
    written = []
    monkeypatch.setattr(
        service, "install", lambda _, dry_run=False: written.append(dry_run) or {"changed": changed}
    )

    changed = True
    with pytest.raises(ForbiddenError, match="write the crontab"):
        tools.scheduler_start_daemon()
    assert written == [True]
    changed = False
    assert tools.scheduler_start_daemon()["resumed"]
