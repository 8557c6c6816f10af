"""For what a tick waits while none of its runs is under way."""

from types import SimpleNamespace

import pytest

from scheduled.core.keys import JobKey
from scheduled.engine.follow_ups import FollowUps

NOW = 1_772_600_820


@pytest.fixture
def follow_ups(monkeypatch):
    monkeypatch.setattr("scheduled.clock.now", lambda: NOW + 0.5)
    runtime = SimpleNamespace(config=SimpleNamespace(max_runs=None, max_event_runs=1, max_sessions=None))
    found = FollowUps(runtime, "tick", NOW, None)
    found.retries[JobKey("job")] = NOW - 1
    return found


def test_a_due_retry_is_expected_at_once(follow_ups):
    assert (follow_ups.expected, follow_ups.left()) == (True, 0.0)


def test_a_tick_that_was_stopped_waits_for_no_retry_and_does_not_poll_for_one(follow_ups):
    follow_ups.stop()

    assert (follow_ups.expected, follow_ups.left()) == (False, None)
