"""A job that comes after a chain runs in the tick in which the chain ends, as it does after a command."""

import pytest

from tests.fixtures.world import World

pytestmark = pytest.mark.system

DAY = "2026-03-02"
CONFIG = """
timezone = "UTC"
[jobs.chainy]
{when}
chain = ["step"]
[jobs.step]
command = "test ! -e {root}/broken"
{step}
[jobs.after]
{when}
after = {after}
command = "echo $SCHEDULED_FOR >> {root}/ran"
"""
OTHER = '[jobs.other]\nevery = "1m"\nchain = ["two"]\n[jobs.two]\ncommand = "true"\n'
COMMAND = '[jobs.other]\nevery = "1m"\ncommand = "true"\n'
EVERY, CRON = 'every = "1m"', 'cron = "* * * * *"'


def configured(world: World, when=EVERY, *, after='["chainy"]', step="", extra="") -> None:
    text = CONFIG.format(when=when, after=after, root=world.root, step=step) + extra
    world.configure(text)
    tick(world, "08:00")


def tick(world: World, time: str) -> None:
    world.run("run", at=f"{DAY} {time}:20")


def started(world: World, job: str = "after") -> list[tuple[str, str]]:
    """Return the slots of *job* and when they ran, oldest first."""
    rows = [row for row in world.json("history", "-n", "1000") if row["job"] == job and row["started_at"]]
    return sorted((row["scheduled_for"][11:16], row["started_at"][11:16]) for row in rows)


def predicted(world: World, now: str, until: str, job: str = "after") -> list[tuple[str, str]]:
    rows = world.json("forecast", "--from", f"{DAY}T{now}", "--to", f"{DAY}T{until}", at=f"{DAY} {now}:00")
    return sorted((row["scheduled_for"][11:16], row["runs_at"][11:16]) for row in rows if row["job"] == job)


@pytest.mark.parametrize(
    ("when", "after", "extra"),
    [
        (EVERY, '["chainy"]', ""),
        (CRON, '["chainy"]', ""),
        (EVERY, '["chainy", "other"]', OTHER),
        (CRON, '["other", "chainy"]', COMMAND),
    ],
    ids=["every", "cron", "two chains", "a command and a chain"],
)
def test_a_job_after_a_chain_runs_in_the_same_tick(world: World, when: str, after: str, extra: str) -> None:
    configured(world, when, after=after, extra=extra)
    tick(world, "08:01")
    before = world.json("explain", "after", at=f"{DAY} 08:01:40")["sentence"]
    dry = world.json("run", "--dry-run", at=f"{DAY} 08:02:20")

    for minute in (2, 3, 4):
        tick(world, f"08:0{minute}")

    slots = started(world)
    assert [ran for _, ran in slots][-3:] == ["08:02", "08:03", "08:04"]
    assert started(world, "chainy")[-3:] == slots[-3:]
    assert "failed" not in before
    assert [row["job"] for row in dry if not row.get("open_reason")][-1] == "after"
    assert world.json("audit", at=f"{DAY} 08:05:00")["ok"]


def test_a_job_after_a_chain_of_several_ticks_does_not_wait_for_its_next_slot(world: World) -> None:
    configured(world, CRON)
    world.run("pause", "step", "--until", f"{DAY}T08:03", at=f"{DAY} 08:00:30")
    for minute in (1, 2):
        tick(world, f"08:0{minute}")
    foreseen = world.json("next", "after", "-n", "1", at=f"{DAY} 08:02:30")
    tick(world, "08:03")
    tick(world, "08:04")

    assert started(world, "chainy")[-2:] == [("08:01", "08:01"), ("08:04", "08:04")]
    assert started(world)[-2:] == [("08:01", "08:03"), ("08:04", "08:04")]
    assert foreseen[0]["scheduled_for"][11:16] == "08:01"
    assert world.json("audit", at=f"{DAY} 08:05:00")["ok"]


def test_a_failed_chain_skips_the_job_after_it_in_the_same_tick(world: World) -> None:
    configured(world, CRON)
    (world.root / "broken").touch()

    tick(world, "08:01")

    rows = [row for row in world.json("history", "-n", "9") if row["job"] == "after"]
    assert (rows[0]["status"], rows[0]["reason"]) == ("skipped", "after chainy, which failed")
    assert rows[0]["scheduled_for"][11:16] == "08:01"
