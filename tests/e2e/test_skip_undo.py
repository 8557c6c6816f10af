"""`skip --undo`: a slot that was skipped by hand is open again until something was decided after it."""

import shutil

import pytest

from tests.fixtures.world import World

pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(
        not shutil.which("faketime"), reason="SKIPPED LOUDLY: Debian's faketime is not installed"
    ),
]
DAY = "2026-03-10"


@pytest.fixture
def daily(world: World) -> World:
    world.configure('timezone = "UTC"\n[jobs.job]\ncron = "0 12 * * *"\ncommand = "true"\n')
    world.run("run", at=f"{DAY} 11:00:05")
    return world


def statuses(world: World, at: str) -> list[tuple[str | None, str]]:
    found = world.json("history", at=f"{DAY} {at}")
    return [(run["scheduled_for"] and run["scheduled_for"][11:16], run["status"]) for run in found]


def test_a_future_slot_that_was_skipped_runs_after_all(daily: World) -> None:
    printed = daily.run("skip", "job", "--for", f"{DAY}T12:00", at=f"{DAY} 11:10:05").stdout
    skipped = statuses(daily, "11:11:05")

    done = daily.json("skip", "job", "--undo", at=f"{DAY} 11:12:05")

    assert "`scheduled skip job --undo` undoes this" in printed
    assert (skipped, done["undone"], statuses(daily, "11:13:05")) == ([("12:00", "skipped")], 1, [])
    daily.run("run", at=f"{DAY} 12:00:05")
    assert statuses(daily, "12:01:05") == [("12:00", "success")]
    assert "skip_undone job=job" in (daily.state / "scheduled.log").read_text()


def test_a_minute_names_the_only_slot_in_it(world: World) -> None:
    every = 'every = "{}"\nanchor = "{}T00:00:30"\ncommand = "true"\n'
    world.configure(
        f'timezone = "UTC"\n[jobs.job]\n{every.format("1h", DAY)}[jobs.often]\n{every.format("20s", DAY)}'
    )
    world.run("run", at=f"{DAY} 11:00:05")
    minute = f"{DAY}T12:00"

    skipped = world.json("skip", "job", "--for", minute, at=f"{DAY} 11:10:05")
    refused = world.run("skip", "often", "--for", minute, at=f"{DAY} 11:10:05")
    undone = world.json("skip", "job", "--undo", "--for", minute, at=f"{DAY} 11:11:05")

    assert (skipped["first"], skipped["skipped"], undone["undone"]) == (f"{minute}:30+00:00", 1, 1)
    assert refused.returncode == 2
    assert "is not one of its slots; the nearest are " in refused.stderr


def test_a_past_slot_that_was_skipped_is_caught_up_on(daily: World) -> None:
    daily.run("skip", "job", at=f"{DAY} 12:30:05")
    daily.run("run", at=f"{DAY} 12:31:05")

    preview = daily.json("skip", "job", "--undo", "--dry-run", at=f"{DAY} 12:32:05")
    assert preview["dry_run"]
    assert (preview["undone"], statuses(daily, "12:33:05")) == (1, [("12:00", "skipped")])
    daily.run("skip", "job", "--undo", at=f"{DAY} 12:34:05")
    assert daily.json("audit", at=f"{DAY} 12:35:05")["ok"]
    daily.run("run", at=f"{DAY} 12:36:05")

    assert statuses(daily, "12:37:05") == [("12:00", "success")]
    assert daily.json("audit", at=f"{DAY} 12:38:05")["ok"]


def test_a_skip_before_a_decided_slot_is_final(daily: World) -> None:
    daily.run("skip", "job", at=f"{DAY} 12:30:05")
    daily.run("run", at="2026-03-11 12:00:05")

    done = daily.run("skip", "job", "--undo", at="2026-03-11 12:05:05")

    assert (done.returncode, done.stdout) == (2, "")
    assert "nothing to undo: no slot was skipped by hand, or a later slot is decided" in done.stderr


def test_a_run_that_a_skip_ended_waits_again(world: World) -> None:
    lines = 'cron = "0 12 * * *"\ncommand = "exit 3"\nretry = { max_attempts = 3, delay = "1h" }\n'
    world.configure(f'timezone = "UTC"\n[jobs.job]\n{lines}')
    world.run("run", at=f"{DAY} 11:00:05")
    world.run("run", at=f"{DAY} 12:00:05")
    world.run("skip", "job", at=f"{DAY} 12:10:05")
    skipped = statuses(world, "12:11:05")

    world.run("skip", "job", "--undo", at=f"{DAY} 12:12:05")

    assert (skipped, statuses(world, "12:13:05")) == ([("12:00", "skipped")], [("12:00", "waiting_retry")])
    assert world.json("history", at=f"{DAY} 12:13:05")[0]["reason"] == "exit code 3"
    assert "by hand" not in world.json("explain", "job", at=f"{DAY} 12:13:05")["last_outcome"]
    assert world.json("audit", at=f"{DAY} 12:13:05")["ok"]
    world.run("run", at=f"{DAY} 12:14:05")
    (run,) = world.json("history", at=f"{DAY} 12:15:05")
    assert (run["attempt"], run["status"]) == (2, "waiting_retry")
    log = (world.state / "scheduled.log").read_text()
    assert "reason=by hand" in log and "skip_undone job=job" in log
    assert world.json("audit", at=f"{DAY} 12:15:05")["ok"]


def test_a_run_that_was_interrupted_asks_again(world: World) -> None:
    # The job kills its supervisor.
    lines = 'cron = "0 12 * * *"\ncommand = "kill -KILL $PPID"\non_interrupted = "ask"\n'
    world.configure(f'timezone = "UTC"\n[jobs.job]\n{lines}')
    world.run("run", at=f"{DAY} 11:00:05")
    world.run("run", at=f"{DAY} 12:00:05")
    world.run("run", at=f"{DAY} 12:05:05")
    world.run("skip", "job", at=f"{DAY} 12:10:05")

    world.run("skip", "job", "--undo", at=f"{DAY} 12:12:05")
    world.run("run", at=f"{DAY} 12:14:05")

    (run,) = world.json("history", at=f"{DAY} 12:15:05")
    assert (run["attempt"], run["status"], run["reason"].split(":")[0]) == (1, "waiting_retry", "interrupted")
