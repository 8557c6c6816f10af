"""Promises of the program as a user sees them: what did not succeed is shown, an edit counts from when it is made, and
a prediction is what happens."""

import os
import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.fixtures.world import World

pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(
        not shutil.which("faketime"), reason="SKIPPED LOUDLY: Debian's faketime is not installed"
    ),
]


def tick_between(world: World, first: str, last: str, minutes: int = 5) -> list[str]:
    """Run a tick every few minutes, 5 seconds after the full minute; return what each of them printed."""
    instant, end = (datetime.fromisoformat(text).replace(tzinfo=UTC) for text in (first, last))
    printed = []
    while instant <= end:
        done = world.run("run", at=f"{instant:%F %T}")
        printed.append(done.stdout + done.stderr)
        instant += timedelta(minutes=minutes)
    return printed


def lines(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []


def test_a_job_with_retries_that_reach_its_next_slot_is_reported_as_failed(world: World) -> None:
    world.configure("""
        timezone = "UTC"
        [jobs.sync]
        cron = "*/10 * * * *"
        command = "exit 1"
        retry = {max_attempts = 3, delay = "5m"}
    """)
    printed = tick_between(world, "2026-02-03 09:55:05", "2026-02-03 11:00:05")

    status = world.run("status", at="2026-02-03 11:00:30")
    failed = world.json("history", "--status", "failed", at="2026-02-03 11:00:32")

    assert (status.returncode, "sync" in status.stdout, "all is well" in status.stdout) == (1, True, False)
    assert world.json("status", at="2026-02-03 11:00:31")["stats"]["failed"] >= 1
    assert {run["job"] for run in failed} == {"sync"}
    assert "sync" in world.run("incidents", at="2026-02-03 11:00:33").stdout
    assert any("sync" in text for text in printed)
    assert "retr" in world.run("check", at="2026-02-03 11:00:34").stdout


def test_a_job_added_just_before_its_slot_runs_though_no_tick_saw_it_before(world: World) -> None:
    ran = world.root / "ran"
    world.configure('timezone = "UTC"\n[jobs.other]\ncron = "0 * * * *"\ncommand = "true"\n')
    world.run("run", at="2026-02-03 22:55:05")

    command = ["--", "sh", "-c", f"echo ran >> {ran}"]
    world.run("add", "backup", "--cron", "58 22 * * *", *command, at="2026-02-03 22:56:00")
    world.run("run", at="2026-02-04 08:00:05")

    assert lines(ran) == ["ran"]


def test_a_job_moved_by_hand_runs_at_its_new_time_though_no_tick_saw_it_before(world: World) -> None:
    ran = world.root / "ran"
    definition = f'timezone = "UTC"\n[jobs.night]\ncommand = "echo night >> {ran}"\n'
    world.configure(f'{definition}cron = "30 1 * * *"\n')
    world.run("run", at="2026-02-05 12:00:05")

    world.configure(f'{definition}cron = "10 23 * * *"\n')
    edited = datetime(2026, 2, 5, 22, 51, tzinfo=UTC).timestamp()
    os.utime(world.config, (edited, edited))
    world.run("run", at="2026-02-06 08:00:05")

    assert lines(ran) == ["night"]


def test_a_skipped_slot_is_in_history_log_and_event(world: World) -> None:
    heard = world.root / "heard"
    world.configure(f"""
        timezone = "UTC"
        [jobs.late]
        cron = "0 3 * * *"
        grace = "30m"
        command = "true"
        [jobs.dump]
        cron = "0 4 * * *"
        command = "exit 1"
        [jobs.upload]
        cron = "0 4 * * *"
        after = ["dump"]
        command = "true"
        [jobs.heard]
        on = "job_skipped"
        command = "echo $SCHEDULED_EVENT_DATA >> {heard}"
    """)
    world.run("run", at="2026-02-03 02:00:05")
    world.run("run", at="2026-02-03 09:00:05")

    skipped = world.json("history", "--status", "skipped", at="2026-02-03 09:00:30")
    logged = [line for line in lines(world.state / "scheduled.log") if "job_skipped" in line]

    assert {row["job"] for row in skipped} == {"late", "upload"}
    for name in ("late", "upload"):
        assert any(name in line for line in logged)
        assert any(name in line for line in lines(heard))
    assert "upload" in world.run("status", at="2026-02-03 09:00:40").stdout


def test_a_run_by_hand_does_not_hide_that_cron_is_dead(world: World) -> None:
    world.configure("""
        timezone = "UTC"
        [jobs.h]
        cron = "0 * * * *"
        command = "true"
        [jobs.m]
        command = "true"
    """)
    tick_between(world, "2026-02-03 09:30:05", "2026-02-03 10:00:05")
    before = world.run("status", at="2026-02-03 12:00:00").stdout

    world.run("run", "m", at="2026-02-03 12:00:05")

    assert "stopped" in before
    assert "stopped" in world.run("status", at="2026-02-03 12:00:30").stdout
    assert world.json("status", at="2026-02-03 12:00:40")["scheduler_running"] is False


def test_audit_accepts_a_disable_an_edit_and_an_enable_within_one_minute(world: World) -> None:
    def configure(cron: str) -> None:
        world.configure(f'timezone = "UTC"\n[jobs.j]\ncron = "{cron}"\ncommand = "true"\n')

    configure("* * * * *")
    world.run("run", at="2026-02-03 14:00:05")
    world.run("disable", "j", at="2026-02-03 14:00:20")
    configure("0 4 * * *")
    world.run("run", at="2026-02-03 14:00:25")
    world.run("enable", "j", at="2026-02-03 14:00:30")
    world.run("run", at="2026-02-03 14:00:40")

    assert world.json("audit", at="2026-02-03 14:00:45")["problems"] == []
    world.run("run", at="2026-02-03 18:00:45")
    assert world.json("audit", at="2026-02-03 18:01:00")["problems"] == []


def test_without_catch_up_a_held_slot_does_not_bring_missed_ones_back(world: World) -> None:
    ran = world.root / "ran"
    world.configure(f"""
        timezone = "UTC"
        [jobs.n]
        cron = "0 * * * *"
        catch_up = "none"
        not_between = ["09:30", "10:30"]
        command = "echo $SCHEDULED_FOR $SCHEDULED_MISSED >> {ran}"
    """)
    for at in ("2026-02-03 09:00:05", "2026-02-03 10:00:05", "2026-02-03 14:05:05"):
        world.run("run", at=at)

    slots = [f"2026-02-03T{hour}:00" for hour in (11, 12, 13)]
    answers = [world.run("explain", "n", "--at", slot, at="2026-02-03 14:06:00").stdout for slot in slots]

    assert [line.split()[1] for line in lines(ran)] == ["0"] * len(lines(ran))
    assert ["skipped" in answer.splitlines()[0] for answer in answers] == [True, True, True]


def test_a_snapshot_that_another_program_rewrote_is_whole_and_keeps_its_key(world: World) -> None:
    world.configure('timezone = "UTC"\n[jobs.j]\ncron = "0 * * * *"\ncommand = "true"\n')
    world.run("run", at="2026-02-03 14:00:05")
    snapshot = world.state / "scheduled_state.json"
    rewritten = subprocess.run(["jq", ".my_key = 1", snapshot], capture_output=True, check=True).stdout
    snapshot.write_bytes(rewritten)

    done = world.run("run", at="2026-02-03 15:00:05")

    assert "damaged" not in done.stdout + done.stderr
    assert world.snapshot()["my_key"] == 1


def test_a_chain_run_by_hand_runs_though_the_slot_of_a_step_is_due(world: World) -> None:
    ran = world.root / "ran"
    world.configure(f"""
        timezone = "UTC"
        [jobs.a]
        cron = "* * * * *"
        command = "true"
        [jobs.b]
        command = "echo b >> {ran}; exit 3"
        [jobs.ab]
        chain = ["a", "b"]
    """)
    world.run("run", at="2026-02-03 14:00:05")

    assert world.run("run", "ab", at="2026-02-03 14:01:05").returncode == 1
    assert lines(ran) == ["b"]


def test_a_forecast_that_begins_before_now_has_the_open_slot(world: World) -> None:
    world.configure('timezone = "UTC"\n[jobs.backup]\ncron = "0 4 * * *"\ncommand = "true"\n')
    for at in ("2026-02-02 12:00:05", "2026-02-03 03:55:05"):
        world.run("run", at=at)

    today = ("--from", "2026-02-03", "--to", "2026-02-03T11:30")
    runs = [run["runs_at"] for run in world.json("forecast", *today, at="2026-02-03 10:09:00")]

    assert any("2026-02-03T10:1" in at for at in runs)
    assert not any("2026-02-03T04:0" in at for at in runs)
