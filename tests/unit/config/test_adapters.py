"""`check` doubts a wrong name in [compat] and a module that its interpreter does not find, with the line."""

import pytest

from scheduled.config import adapters
from scheduled.config.check import check, with_lines
from scheduled.config.files import load_config
from scheduled.errors import ConfigError

FOUND = ([], "")


@pytest.fixture
def warnings(tmp_path, monkeypatch):
    """Return a function that returns the warnings about a `[compat]` table, if the interpreter answers *answer*."""
    path = tmp_path / "scheduled.toml"

    def warnings(table, answer=FOUND, workspace=True):
        asked = []
        monkeypatch.setattr(
            adapters, "not_found", lambda adapter, modules: asked.append((adapter, modules)) or answer
        )
        head = f'workspace = "{tmp_path}"\n' if workspace else ""
        path.write_text(f'{head}timezone = "UTC"\n[compat]\n{table}\n')
        document = with_lines(check(path))
        assert document["ok"]
        return [text.removeprefix(f"{path}:") for text in document["warnings"]], asked

    return warnings


@pytest.mark.parametrize(
    "value", ["prog", "prog:", ":Trigger", "prog.py:Trigger()", "a b:c", "/a/b:c", "a..b:c"]
)
def test_a_value_that_is_not_module_and_name_is_doubted(warnings, value):
    found, asked = warnings(f'trigger = "{value}"')

    wrong = f"4: compat.trigger: {value!r} is not module:name; write for example 'package.module:Trigger'"
    assert (found, asked) == ([wrong], [])


def test_all_modules_are_looked_up_at_once_in_the_configured_interpreter(warnings, tmp_path):
    found, [(adapter, modules)] = warnings(
        'trigger = "a.b:C.d"\nsend = "e:f"\npython = "~/bin/python"\ntimeout = "2m"'
    )

    assert (found, modules) == ([], ["a.b", "e"])
    assert (adapter.python, adapter.timeout, adapter.workspace) == (
        f"{tmp_path}/home/bin/python",
        10,
        tmp_path,
    )


def test_a_module_that_is_not_found_is_doubted(warnings):
    found, _ = warnings('trigger = "a.b:C"\nsend = "e:f"\npython = "/py"', (["e"], ""))

    assert found == [
        "5: compat.send: /py finds no module e; correct the name, or set compat.python to the interpreter that has it"
    ]


def test_an_interpreter_that_does_not_answer_is_doubted(warnings):
    found, _ = warnings('trigger = "a.b:C"\npython = "/py"', ([], "no end within 10 s"))

    assert found == ["5: compat.python: cannot be asked for modules: no end within 10 s; correct its path"]


def test_send_without_a_workspace_is_doubted(warnings):
    found, _ = warnings('send = "e:f"', workspace=False)

    assert found == ["3: compat.send: has no effect without a workspace; set `workspace`"]


def test_without_the_table_no_interpreter_is_asked(warnings):
    assert warnings("") == ([], [])


@pytest.mark.parametrize("timeout", ["0", "'soon'", "-1"])
def test_a_timeout_that_is_no_duration_is_an_error(tmp_path, timeout):
    path = tmp_path / "scheduled.toml"
    path.write_text(f"[compat]\ntimeout = {timeout}\n")

    with pytest.raises(ConfigError, match=r"compat\.timeout: "):
        load_config(path)
