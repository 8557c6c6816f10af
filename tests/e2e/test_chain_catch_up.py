"""A chain with `catch_up = "all"` runs all its slots in one tick, oldest first, as other jobs do."""

import pytest

from tests.fixtures.world import World

pytestmark = pytest.mark.system

CONFIG = """
    timezone = "UTC"
    [jobs.all]
    cron = "0 * * * *"
    catch_up = "all"
    chain = ["a", "b"]
    retry = {{ max_attempts = 2, delay = 120 }}
    [jobs.a]
    command = 'echo a $SCHEDULED_FOR >> {root}/ran; test ! -e {root}/fails-$SCHEDULED_FOR'
    [jobs.b]
    command = 'echo b $SCHEDULED_FOR >> {root}/ran'
"""
BEGIN, BEFORE, LATE = "2026-03-02 09:30:00", "2026-03-02 12:31:00", "2026-03-02 12:35:00"


def hour(number: int) -> str:
    return f"2026-03-02T{number}:00:00+00:00"


def ran(world: World) -> list[tuple[str, int]]:
    """Return the steps that ran, each with the hour of its slot."""
    lines = (line.split() for line in (world.root / "ran").read_text().splitlines())
    return [(step, int(slot[11:13])) for step, slot in lines]


def test_all_slots_of_a_chain_run_in_one_tick_as_predicted(world: World) -> None:
    world.configure(CONFIG.format(root=world.root))
    world.run("run", at=BEGIN)

    planned = world.json("run", "--dry-run", at=BEFORE)
    rows = world.json("next", "all", "--limit", "3", at=BEFORE)
    done = world.run("run", at=LATE)

    assert (done.returncode, done.stderr) == (0, "")
    assert ran(world) == [(step, number) for number in (10, 11, 12) for step in "ab"]
    assert [row["scheduled_for"] for row in planned] == [hour(number) for number in (10, 11, 12)]
    assert [(row["scheduled_for"], row["runs_at"]) for row in rows] == [
        (hour(number), "2026-03-02T12:35:00+00:00") for number in (10, 11, 12)
    ]
    (job,) = (job for job in world.json("status", at=LATE)["jobs"] if job["name"] == "all")
    assert (job["open_reason"], job["run_count"]) == (None, 3)


def test_a_failed_slot_of_a_chain_is_repeated_before_the_slots_after_it(world: World) -> None:
    world.configure(CONFIG.format(root=world.root))
    world.run("run", at=BEGIN)
    (world.root / f"fails-{hour(11)}").touch()

    world.run("run", at=LATE)
    first = ran(world)
    (job,) = (job for job in world.json("status", at=LATE)["jobs"] if job["name"] == "all")
    (world.root / f"fails-{hour(11)}").unlink()
    world.run("run", at="2026-03-02 12:40:00")

    assert first == [("a", 10), ("b", 10), ("a", 11)]
    assert job["open_reason"] == "waiting_retry"
    assert ran(world)[3:] == [("a", 11), ("b", 11), ("a", 12), ("b", 12)]
    assert world.json("audit", at="2026-03-02 12:40:00")["ok"]
