"""A tick starts a limited number of runs for events; the rest waits for the next ticks, and every answer names the limit."""

import json
from typing import Any

import pytest

from tests.fixtures.world import World

CONFIG = """
    timezone = "UTC"
    [catch_up]
    max_event_runs = 3
    [jobs.first]
    on = "ping"
    command = "true"
    [jobs.second]
    on = "ping"
    command = "true"
"""
BEGIN, TICK, LATER = "2026-03-02 10:00:00", "2026-03-02 10:05:00", "2026-03-02 10:{:02}:00"

pytestmark = pytest.mark.system


def spool(world: World, number: int) -> None:
    for count in range(number):
        (world.state / "spool" / f"ping.{count}").touch()


def ran(world: World, at: str) -> int:
    return sum(run["trigger"] == "event" for run in world.json("history", "--limit", "99", at=at))


@pytest.fixture
def events(world: World) -> World:
    """A world in which a tick found 4 events for two jobs, and started as many runs as it may."""
    world.configure(CONFIG)
    world.run("run", at=BEGIN)
    spool(world, 4)
    done = world.run("run", at=TICK)
    assert (done.returncode, done.stderr) == (0, "")
    return world


def test_each_tick_starts_as_many_runs_as_it_may_until_none_is_left(events: World) -> None:
    found = [ran(events, TICK)]
    for minute in (10, 15, 20):
        events.run("run", at=LATER.format(minute))
        found.append(ran(events, LATER.format(minute)))

    assert found == [3, 6, 8, 8]
    assert events.json("audit", at=LATER.format(20))["ok"]


def test_status_explain_and_the_log_name_the_limit(events: World) -> None:
    jobs = events.json("status", at=TICK)["jobs"]
    explained = events.run("explain", "first", at=TICK).stdout
    log = (events.state / "scheduled.log").read_text()

    assert {job["name"]: job["open_reason"] for job in jobs} == {"first": "budget", "second": "budget"}
    assert "It waits: the last tick reached `max_event_runs` of `[catch_up]`" in explained
    assert "first, second: this tick has started 3 runs for events (`max_event_runs` of `[catch_up]`)" in log
    # The next tick is due at once, so it is not idle.
    assert json.loads((events.state / "scheduled_state.json").read_text())["next_due"].startswith(
        "2026-03-02T10:05"
    )


def test_predictions_agree_with_what_the_next_ticks_do(events: World) -> None:
    rows = events.json(
        "forecast", "--from", "2026-03-02T10:09", "--to", "2026-03-02T11:00", at="2026-03-02 10:09:00"
    )
    planned = events.json("run", "--dry-run", at="2026-03-02 10:09:00")
    following = events.json("next", "--limit", "5", at="2026-03-02 10:09:00")
    predicted = [(row["runs_at"][11:16], row["job"]) for row in rows]

    happened = []
    for minute in (10, 15):
        before = {run["run_id"] for run in events.json("history", "--limit", "99", at=LATER.format(minute))}
        events.run("run", at=LATER.format(minute))
        after = events.json("history", "--limit", "99", at=LATER.format(minute))
        happened += [(f"10:{minute}", run["job"]) for run in after if run["run_id"] not in before]

    assert sorted(predicted) == sorted(happened)
    assert sorted((row["runs_at"][11:16], row["job"]) for row in following) == sorted(happened)
    assert len([row for row in planned if "open_reason" not in row]) == 3


def test_an_event_that_arrives_while_a_tick_works_is_loaded_by_the_next_one(world: World, until: Any) -> None:
    world.configure(f"""
        [jobs.slow]
        command = "touch {world.root}/began; while [ ! -e {world.root}/go ]; do sleep 0.05; done"
        [jobs.listener]
        on = "ping"
        command = "true"
    """)
    world.run("run")
    working = world.start("run", "slow")
    until((world.root / "began").exists)
    spool(world, 1)
    (world.root / "go").touch()
    assert working.wait(100) == 0

    world.run("run")

    assert [run["status"] for run in world.json("history", "listener")] == ["success"]
