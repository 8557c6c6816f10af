from types import SimpleNamespace

import pytest

from scheduled.commands.not_given import may_explain
from scheduled.core.jobs import Action, Job
from scheduled.install.environment import compare


def test_the_names_of_missing_and_of_different_variables_are_sorted_and_without_values():
    caller = {"TOKEN": "secret", "LANG": "de", "PATH": "/opt", "HOME": "/home/ada"}

    assert compare(caller, {"PATH": "/bin", "HOME": "/home/ada"}) == (["LANG", "TOKEN"], ["PATH"])


@pytest.mark.parametrize(("name", "may"), [("health", False), ("of_another_distribution", True)])
def test_a_built_in_handler_misses_no_variables(name: str, may: bool) -> None:
    job = Job(name="job", schedules=(), action=Action("handler", name=name), cwd="/")

    assert may_explain(job, SimpleNamespace(environment={}), "failed", "2 errors") is may


@pytest.mark.parametrize(
    ("reason", "may"),
    [
        ("exit code 1", True),
        ("exit code 127", True),  # a program that is not in the PATH
        ("cannot start: nowhere: No such file or directory", True),
        ("pre: cannot start: nowhere: No such file or directory", False),
        ("pre: exit code 1", False),
        ("secret TOK (command:pass x): exit code 1", False),
        ("cannot start: embedded null byte", False),
        ("exit code 1; post: exit code 4", True),
        ("cannot start: /none/x: No such file or directory", False),
        ("pre: cannot start: /none/x: No such file or directory", False),
        ("cannot start: stdin: /dev is not a regular file; write the path of one", False),
        ("secret TOK (file:/x): it is empty", False),
        ("env_file /none: No such file or directory", False),
    ],
)
def test_no_variable_explains_that_an_attempt_was_not_prepared(reason: str, may: bool) -> None:
    job = Job(name="job", schedules=(), action=Action("command", line="x"), cwd="/")

    assert may_explain(job, SimpleNamespace(environment={}), "failed", reason) is may
