"""Handlers are found by name, those of other distributions on equal footing."""

from importlib.metadata import EntryPoint, EntryPoints
from typing import Any

import msgspec
import pytest

from scheduled.core.conditions import Change, Notice
from scheduled.handlers import registry
from scheduled.handlers.base import Outcome, Task


class Minimal:
    @staticmethod
    def run(task: Task) -> Outcome:
        return Outcome(data={"job": task.job})


class Useless:
    """Has no run."""


@pytest.fixture
def foreign(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three entry points as another distribution would declare them."""
    values = {"theirs": "Minimal", "broken": "Missing", "useless": "Useless", "health": "Minimal"}
    points = EntryPoints(
        EntryPoint(name, f"{__name__}:{value}", registry.GROUP) for name, value in values.items()
    )
    monkeypatch.setattr(registry, "_entry_points", lambda: points.select(group=registry.GROUP))


def test_the_built_in_handlers_are_named_in_the_order_of_a_slot() -> None:
    expected = ["health", "memory_rollover", "mail_cleanup", "metrics", "daily_report"]
    assert expected == registry.names()[:5]


@pytest.mark.parametrize("name", registry.BUILT_IN)
def test_every_built_in_handler_is_complete(name: str) -> None:
    handler = registry.find(name)

    assert issubclass(handler.Options, msgspec.Struct)
    assert callable(handler.run)
    with pytest.raises(msgspec.ValidationError, match="unknown"):
        msgspec.convert({"unknown": 1}, handler.Options)


def test_an_unknown_name_is_answered_with_those_there_are() -> None:
    with pytest.raises(
        LookupError, match="no handler 'heath'; the handlers are health, memory_rollover, mail_cleanup"
    ):
        registry.find("heath")


@pytest.mark.usefixtures("foreign")
def test_what_a_foreign_handler_leaves_out_is_completed() -> None:
    handler = registry.find("theirs")

    change = Change(group="x", appeared=[], stayed=[], gone=[], facts={}, now=None)  # type: ignore[arg-type]
    said: list[Notice] = handler.notices(change)
    assert (registry.NoOptions, []) == (handler.Options, said)


@pytest.mark.usefixtures("foreign")
def test_a_built_in_name_cannot_be_taken() -> None:
    assert registry.find("health").Options is not registry.NoOptions
    assert registry.names().count("health") == 1


@pytest.mark.usefixtures("foreign")
@pytest.mark.parametrize(
    ("name", "error", "said"),
    [
        ("broken", ImportError, "handler 'broken' .* cannot be imported"),
        ("useless", TypeError, r"has no function run\(task\)"),
    ],
)
def test_a_faulty_foreign_handler_is_named(name: str, error: Any, said: str) -> None:
    with pytest.raises(error, match=said):
        registry.find(name)
