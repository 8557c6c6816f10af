"""Events that wait for a job which is disabled or removed never start it; each is recorded."""

import pytest

from tests.fixtures.world import World

pytestmark = pytest.mark.system

CONFIG = """
timezone = "UTC"
[jobs.a]
on = "go"
command = "true"
{enabled}
"""
DAY = "2026-03-02"


def configured(world: World, enabled: str = "") -> None:
    world.configure(CONFIG.format(enabled=enabled))


def with_events(world: World) -> None:
    """Let two events wait for the job."""
    configured(world)
    world.run("run", at=f"{DAY} 08:00:00")
    world.run("pause", "a", at=f"{DAY} 08:00:10")
    for _ in range(2):
        world.run("emit", "go", at=f"{DAY} 08:00:30")
    world.run("run", at=f"{DAY} 08:01:00")
    world.run("resume", "a", at=f"{DAY} 08:01:10")


def recorded(world: World) -> list[tuple[str, str]]:
    return [(row["status"], row["reason"]) for row in world.json("history", "a")]


def test_disable_discards_the_waiting_events_and_enable_replays_none(world: World) -> None:
    with_events(world)

    done = world.run("disable", "a", at=f"{DAY} 08:01:20")
    world.run("enable", "a", at=f"{DAY} 08:01:30")
    world.run("run", at=f"{DAY} 08:02:00")

    assert done.stdout == "a is now disabled\na: 2 waiting events were discarded\n"
    assert recorded(world) == [("skipped", "disabled")] * 2


def test_a_tick_that_sees_a_job_disabled_discards_its_waiting_events(world: World) -> None:
    with_events(world)

    configured(world, "enabled = false")
    world.run("run", at=f"{DAY} 08:02:00")
    configured(world)
    world.run("run", at=f"{DAY} 08:03:00")

    assert recorded(world) == [("skipped", "disabled")] * 2


def test_remove_names_the_number_of_discarded_events(world: World) -> None:
    with_events(world)

    done = world.run("remove", "a", at=f"{DAY} 08:01:20")

    assert "a: 2 waiting events were discarded\n" in done.stdout
    assert recorded(world) == [("skipped", "removed")] * 2
