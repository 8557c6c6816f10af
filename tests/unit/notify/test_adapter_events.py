"""The events of a tick are fired in order, in one call; each failure becomes one warning with its key and its events."""

import pytest

from scheduled.core.events import Event
from scheduled.notify import adapter_events
from scheduled.notify.adapter import Adapter, Answer, Answers

EVENTS = [
    Event(name="job_started", payload={"job": "a", "scheduled_for": 0}),
    Event(name="job_started", payload={"job": "b"}),
    Event(name="job_failed", payload={"job": "a"}),
]
ADAPTER = Adapter(python="python", timeout=1, workspace=None, environment={})
GOOD, HANDLED = Answer(), Answer({"event": "x", "handlers": 2, "ran": 2, "failed": 0})


@pytest.fixture
def fire(monkeypatch):
    """Return a function that fires EVENTS, with these answers; it returns the warnings and the calls."""

    def fire(*given, error=""):
        calls = []
        answers = Answers([*given], error)
        monkeypatch.setattr(adapter_events, "call", lambda *arguments: calls.append(arguments) or answers)
        return adapter_events.fire(ADAPTER, "prog:Trigger", EVENTS, "Europe/Berlin"), calls

    return fire


def test_all_events_are_fired_in_one_call_in_order(fire):
    warnings, [(adapter, target, calls)] = fire(GOOD, HANDLED, HANDLED)

    assert (warnings, adapter, target) == ([], ADAPTER, "prog:Trigger")
    assert [(call.method, call.args) for call in calls] == [
        ("fire", ["job_started"]),
        ("fire", ["job_started"]),
        ("fire", ["job_failed"]),
    ]
    assert calls[0].keywords == {"job": "a", "scheduled_for": "1970-01-01T01:00:00+01:00"}


def test_events_with_the_same_error_share_a_warning(fire):
    warnings, _ = fire(Answer(error="OSError: x"), Answer(error="OSError: x"), Answer(error="KeyError: y"))

    assert warnings == [
        "[compat] trigger: job_started: OSError: x",
        "[compat] trigger: job_failed: KeyError: y",
    ]


def test_events_without_an_answer_have_the_error_of_the_child(fire):
    assert fire(GOOD, error="no end within 30 s")[0] == [
        "[compat] trigger: job_started, job_failed: no end within 30 s"
    ]


def test_a_child_that_does_not_end_is_a_warning_too(fire):
    assert fire(GOOD, GOOD, GOOD, error="no end within 30 s")[0] == [
        "[compat] trigger: job_failed: no end within 30 s"
    ]


def test_a_failure_of_handlers_that_fire_does_not_raise_is_a_warning(fire):
    assert fire(GOOD, GOOD, Answer({"handlers": 3, "ran": 1, "failed": 2}))[0] == [
        "[compat] trigger: job_failed: 2 of its handlers failed; their program logs the errors"
    ]
