"""Handlers are found by name: the built-in ones and those of other distributions."""

from importlib.metadata import EntryPoint, EntryPoints
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from scheduled.actions import handler
from scheduled.core.conditions import Change, Notice
from scheduled.core.jobs import Action
from scheduled.handlers import registry
from scheduled.handlers.base import Outcome, Task


class Minimal:
    @staticmethod
    def run(task: Task) -> Outcome:
        return Outcome(data={"job": task.job})


class WithoutRun:
    """A handler without the function `run`."""


@pytest.fixture
def foreign(monkeypatch: pytest.MonkeyPatch) -> None:
    """Four entry points as another distribution would declare them; one has the name of a built-in handler."""
    values = {"minimal": "Minimal", "broken": "Missing", "without_run": "WithoutRun", "health": "Minimal"}
    points = EntryPoints(
        EntryPoint(name, f"{__name__}:{value}", registry.GROUP) for name, value in values.items()
    )
    monkeypatch.setattr(registry, "_entry_points", lambda: points.select(group=registry.GROUP))


@pytest.mark.parametrize("name", registry.BUILT_IN)
def test_the_notices_of_a_handler_are_composed_by_its_own_function(name: str) -> None:
    assert registry.composer(name) is registry.find(name).notices


def test_the_built_in_handlers_are_listed_in_a_fixed_order() -> None:
    expected = ["health", "memory_rollover", "mail_cleanup", "metrics", "daily_report"]
    assert expected == registry.names()[:5]


@pytest.mark.parametrize("name", registry.BUILT_IN)
def test_every_built_in_handler_has_options_and_a_run(name: str) -> None:
    found = registry.find(name)

    assert issubclass(found.Options, msgspec.Struct)
    assert callable(found.run)
    with pytest.raises(msgspec.ValidationError, match="unknown"):
        msgspec.convert({"unknown": 1}, found.Options)


def test_the_error_for_an_unknown_name_lists_the_handlers() -> None:
    with pytest.raises(
        LookupError, match="no handler 'heath'; the handlers are health, memory_rollover, mail_cleanup"
    ):
        registry.find("heath")


@pytest.mark.usefixtures("foreign")
def test_a_foreign_handler_gets_default_options_and_no_notices() -> None:
    found = registry.find("minimal")

    change = Change(group="x", appeared=[], stayed=[], gone=[], facts={}, now=None)  # type: ignore[arg-type]
    notices: list[Notice] = found.notices(change)
    assert (registry.NoOptions, []) == (found.Options, notices)
    assert registry.composer("minimal")(change) == []


@pytest.mark.usefixtures("foreign")
def test_an_entry_point_cannot_replace_a_built_in_handler() -> None:
    assert registry.find("health").Options is not registry.NoOptions
    assert registry.names().count("health") == 1


@pytest.mark.usefixtures("foreign")
@pytest.mark.parametrize(
    ("name", "error", "message"),
    [
        ("broken", ImportError, "handler 'broken' .* cannot be imported"),
        ("without_run", TypeError, r"has no function run\(task\)"),
    ],
)
def test_the_error_of_a_faulty_foreign_handler_names_it(name: str, error: Any, message: str) -> None:
    with pytest.raises(error, match=message):
        registry.find(name)


@pytest.mark.usefixtures("foreign")
@pytest.mark.parametrize("name", ["broken", "without_run", "heath"])
def test_check_reports_a_handler_that_cannot_be_used(name: str) -> None:
    job = SimpleNamespace(action=Action("handler", name=name), options={})

    (problem,) = handler.faults(job)  # type: ignore[arg-type]
    assert problem.startswith("handler: ")
    assert name in problem
