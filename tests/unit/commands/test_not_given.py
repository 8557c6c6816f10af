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
