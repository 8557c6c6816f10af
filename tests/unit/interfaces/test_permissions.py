"""The permissions of all interfaces; a refusal names the key to set and the file."""

import pytest

from scheduled.errors import ForbiddenError
from scheduled.instance import Instance
from scheduled.interfaces.permissions import Permissions

KEYS = [("mcp", "add_commands"), ("dbus", "add_commands"), ("web", "allow_edit")]


@pytest.fixture
def instance(tmp_path):
    (tmp_path / "scheduled.toml").touch()
    return Instance(str(tmp_path / "scheduled.toml"), str(tmp_path / "state"))


@pytest.mark.parametrize(("interface", "key"), KEYS)
def test_what_is_executed_is_refused_with_the_key_that_allows_it(instance, interface, key):
    permissions = Permissions(instance, interface, key)

    with pytest.raises(ForbiddenError) as refused:
        permissions.need_change("add", "new", {"cron": "0 * * * *", "command": "true"})
    assert f"[{interface}] {key} = true in {instance.config_file}" in str(refused.value)
    assert "(command)" in str(refused.value)

    allow = 'allow = ["add"]\n' if interface == "mcp" else ""
    instance.config_file.write_text(f"[{interface}]\n{key} = true\n{allow}")
    permissions.need_change("add", "new", {"command": "true"})


@pytest.mark.parametrize(("interface", "key"), KEYS)
def test_a_change_of_a_schedule_needs_no_permission_to_change_commands(instance, interface, key):
    allow = '[mcp]\nallow = ["run", "add"]\n' if interface == "mcp" else ""
    instance.config_file.write_text(f'{allow}[jobs.mine]\ncommand = "true"\n')
    changes = {"cron": "0 * * * *", "description": "news"}

    Permissions(instance, interface, key).need_change("edit", "mine", changes)


def test_a_refusal_names_the_missing_permission_in_addition_to_the_granted_ones(instance):
    instance.config_file.write_text('[mcp]\nallow = ["run"]\n')
    permissions = Permissions(instance, "mcp", "add_commands")

    permissions.need(None)
    permissions.need("run")
    with pytest.raises(ForbiddenError, match=r'\[mcp\] allow = \["run", "override"\]'):
        permissions.need("override")


def test_no_interface_marks_a_job_as_added_by_another(instance):
    forged = {"labels": {"added_by": "mcp"}}
    instance.config_file.write_text('[jobs.mine]\ncommand = "true"\nlabels = { team = "ops" }\n')
    web = Permissions(instance, "web", "allow_edit")

    for change in (
        ("edit", "mine", forged),
        ("add", "new", {"handler": "health", **forged}),
        ("replace", "mine", {"command": "true", **forged}),
    ):
        with pytest.raises(ForbiddenError, match=r"labels\.added_by"):
            web.need_change(*change)


def test_a_label_beside_the_mark_of_another_interface_can_be_changed(instance):
    instance.config_file.write_text('[jobs.a]\ncommand = "true"\nlabels = { added_by = "mcp" }\n')
    web = Permissions(instance, "web", "allow_edit")

    web.need_change("edit", "a", {"labels": {"added_by": "mcp", "team": "ops"}})
    web.need_change("edit", "a", {"labels": {"added_by": "web"}})
    web.need_change("edit", "a", {"labels": {"team": "ops"}})
