"""The file of `[notify] deadman` and `last_error` of the snapshot, with real processes and a fake clock."""

import os
from datetime import UTC, datetime

import pytest

from tests.e2e.test_cli_terminals import on_a_terminal


def configure(world, deadman, command="true"):
    world.configure(f"""
        timezone = "UTC"
        [notify]
        deadman = "{deadman}"
        [jobs.hourly]
        cron = "0 * * * *"
        command = "{command}"
        [jobs.by-hand]
        command = "true"
    """)


def touched(path):
    return f"{datetime.fromtimestamp(path.stat().st_mtime, UTC):%H:%M}"


@pytest.fixture
def file(world):
    found = world.root / "alive"
    configure(world, found)
    return found


def test_every_tick_of_cron_touches_the_file_also_an_idle_one(world, file):
    for at in ("09:00", "09:05", "09:10"):
        world.run("run", at=f"2026-02-03 {at}:02")
        assert touched(file) == at
    assert (file.read_bytes(), oct(file.stat().st_mode & 0o777)) == (b"", "0o644")


def test_neither_a_run_by_hand_nor_a_refused_tick_touches_it(world, file):
    world.run("run", at="2026-02-03 09:00:02")
    world.run("run", "by-hand", at="2026-02-03 09:10:00")
    world.run("status", at="2026-02-03 09:11:00")
    assert touched(file) == "09:00"
    before = file.stat().st_mtime_ns
    assert on_a_terminal(world, "run")[0] == 0
    assert file.stat().st_mtime_ns == before

    world.config.write_text("[jobs\n")
    assert world.run("run", at="2026-02-03 09:20:00").returncode == 2
    assert touched(file) == "09:00"


def test_a_failed_job_is_no_failed_tick(world, file):
    configure(world, file, "exit 1")
    assert world.run("run", at="2026-02-03 09:00:02").returncode == 1

    assert touched(file) == "09:00"


def test_its_content_is_kept_and_a_removed_file_comes_back(world, file):
    file.write_text("mine")
    world.run("run", at="2026-02-03 09:00:02")
    assert (file.read_text(), touched(file)) == ("mine", "09:00")
    file.unlink()
    world.run("run", at="2026-02-03 09:05:02")
    assert touched(file) == "09:05"


def test_another_path_or_none_takes_effect_at_once(world, file):
    world.run("run", at="2026-02-03 09:00:02")
    other = world.root / "other"
    configure(world, other)
    world.run("run", at="2026-02-03 09:05:02")
    assert (touched(file), touched(other)) == ("09:00", "09:05")

    world.config.write_text(world.config.read_text().replace("deadman", "#"))
    world.run("run", at="2026-02-03 09:10:02")
    world.run("run", at="2026-02-03 09:15:02")
    assert touched(other) == "09:05"
    assert not os.path.lexists(world.state / "deadman")


@pytest.mark.parametrize("kind", ["directory", "missing", "fifo", "link"])
def test_a_file_that_cannot_be_touched_is_printed_once(world, file, kind):
    path = file / "in" if kind == "missing" else file
    (world.root / "target").touch()
    make = {
        "directory": file.mkdir,
        "missing": lambda: None,
        "fifo": lambda: os.mkfifo(file),
        "link": lambda: file.symlink_to(world.root / "target"),
    }
    make[kind]()
    configure(world, path)
    printed = [
        done.stdout + done.stderr
        for done in (world.run("run", at=f"2026-02-03 09:{minute:02}:02") for minute in (0, 5, 10))
    ]

    assert [f"notify.deadman: {path}: can't be touched" in text for text in printed] == [True, False, False]
    assert any(
        "notify.deadman" in text for text in world.json("status", at="2026-02-03 09:11:00")["problems"]
    )


def test_the_snapshot_has_what_failed_last(world):
    world.configure("""
        timezone = "UTC"
        [jobs.a]
        cron = "0 9 * * *"
        command = "exit 3"
        [jobs.b]
        cron = "0 10 * * *"
        for_each = ["x"]
        command = "exit 4"
    """)
    world.run("run", at="2026-02-03 08:00:02")
    assert world.snapshot()["last_error"] is None
    world.run("run", at="2026-02-03 09:00:02")
    assert world.snapshot()["last_error"] == {
        "text": "a: failed: exit code 3 (scheduled logs a)",
        "at": "2026-02-03T09:00:02+00:00",
        "job": "a",
        "target": None,
        "run_id": "a-20260203T090000Z",
    }
    world.run("run", at="2026-02-03 10:00:02")
    found = world.snapshot()["last_error"]
    assert (found["job"], found["target"]) == ("b", "x")

    (world.state / "ledger.db").unlink()
    world.run("run", at="2026-02-03 10:05:02")
    assert world.snapshot()["last_error"] == found


def test_an_error_of_the_tick_itself_is_one_too(world):
    world.configure('timezone = "UTC"\n[jobs.a]\ncron = "0 9 * * *"\ncommand = "true"\n')
    world.run("run", at="2026-02-03 08:00:02")
    (world.state / "scheduled.log").unlink(missing_ok=True)
    (world.state / "scheduled.log").mkdir()
    assert world.run("run", at="2026-02-03 09:00:02").returncode == 1

    found = world.snapshot()["last_error"]
    assert (found["job"], found["run_id"]) == (None, None)
    assert "scheduled.log" in found["text"]
