"""Which ticks show that cron works, with real processes and a fake clock."""

import json

import pytest

from tests.e2e.test_cli_terminals import on_a_terminal

JOBS = """
    timezone = "UTC"
    [jobs.hourly]
    cron = "0 * * * *"
    command = "true"
    [jobs.by-hand]
    command = "true"
"""
STOPPED = "ticks have stopped: the last one was at 2026-02-03 10:00"


@pytest.fixture
def dead(world):
    """A world in which ticks came every five minutes until 10:00."""
    world.configure(JOBS)
    world.run("run", "by-hand", at="2026-02-03 09:41:00")
    for minute in (45, 50, 55, 60):
        world.run("run", at=f"2026-02-03 {9 + minute // 60:02}:{minute % 60:02}:02")
    return world


def status(world, at):
    done = world.run("status", "--json", at=at)
    found = json.loads(done.stdout)
    assert done.returncode == (0 if found["healthy"] else 1)
    return found


@pytest.mark.parametrize("words", [["run", "by-hand"], ["daily-report"], ["run", "--claimed", "1"]])
def test_a_run_by_hand_does_not_hide_that_ticks_have_stopped(dead, words):
    before = status(dead, "2026-02-03 12:00:00")
    dead.run(*words, at="2026-02-03 12:00:05")
    after = status(dead, "2026-02-03 12:00:30")

    for found in (before, after):
        assert (found["scheduler_running"], found["ticks"]["state"]) == (False, "stopped")
        assert found["problems"][0].startswith(STOPPED)
    assert (
        "again (assumed: none has come since 2026-02-03 10:00)"
        in dead.run("next", at="2026-02-03 12:01:00").stdout
    )
    assert dead.json("next", "-n", "1", at="2026-02-03 12:01:00")[0]["assumed"] == ["cadence"]


def test_a_report_has_a_warning_that_ticks_have_stopped(dead):
    text = "ticks have stopped: the last one was at 2026-02-03 10:00"
    assert dead.json("report", at="2026-02-03 10:04:00")["ticks_problem"] is None
    assert dead.json("report", at="2026-02-03 12:00:00")["ticks_problem"].startswith(text)
    assert f"warning: {text}" in dead.run("report", at="2026-02-03 12:00:00").stderr


def test_a_tick_on_a_terminal_runs_what_is_due_and_is_no_heartbeat(world):
    world.configure(JOBS)
    for _ in range(2):
        assert on_a_terminal(world, "run")[0] == 0
    found = world.json("status")

    assert (found["ticks"]["last"], found["ticks"]["state"], found["problems"]) == (None, "unknown", [])
    assert world.sql("SELECT count(*) FROM meta WHERE key IN ('planned', 'ticking_since')") == [(1,)]


def test_idle_ticks_alone_show_that_ticks_came_regularly(world):
    world.configure(JOBS)
    for minute in (1, 8, 15):
        world.run("run", at=f"2026-02-03 09:{minute:02}:02")

    assert status(world, "2026-02-03 09:28:00")["ticks"]["state"] == "running"
    found = status(world, "2026-02-03 09:30:00")
    assert (found["ticks"]["state"], found["ticks"]["expected_every_seconds"]) == ("stopped", 420)


def test_ticks_at_no_regular_distance_are_not_missed(world):
    world.configure(JOBS)
    for minute in (1, 8, 21):
        world.run("run", at=f"2026-02-03 09:{minute:02}:02")

    found = status(world, "2026-02-03 23:00:00")
    assert (found["ticks"]["state"], found["problems"]) == ("unknown", [])


@pytest.fixture
def installed(world, monkeypatch):
    """A world with ticks in a crontab of its own, since 08:00; no cron calls them."""
    world.configure(JOBS)
    programs = world.root / "bin"
    programs.mkdir()
    (programs / "crontab").write_text(
        f'#!/bin/sh\nF="{world.root}/crontab"\ncase "$1" in\n'
        '-l) [ -e "$F" ] && exec cat "$F"; echo "no crontab for ada" >&2; exit 1;;\n'
        '-r) rm "$F";;\n*) cat "$1" >"$F";;\nesac\n'
    )
    (programs / "crontab").chmod(0o755)
    (world.root / "crontab").touch()
    monkeypatch.setenv("PATH", f"{programs}:/usr/bin:/bin")
    done = world.run("install", at="2026-02-03 08:00:00")
    assert (done.returncode, b"scheduled" in (world.root / "crontab").read_bytes()) == (0, True), done.stderr
    return world


def test_straight_after_an_installation_no_tick_is_missed_and_later_one_is(installed):
    first = status(installed, "2026-02-03 08:04:00")
    shown = installed.run("status", at="2026-02-03 08:04:00").stdout
    dead = status(installed, "2026-02-03 08:11:00")

    assert (first["ticks"]["state"], first["scheduler_running"], first["problems"]) == ("starting", True, [])
    assert "installed, the first one comes within 5m" in shown
    assert (dead["ticks"]["state"], dead["scheduler_running"]) == ("stopped", False)
    assert dead["problems"][0].startswith(
        "ticks have not begun: none has come since `scheduled install` at 2026-02-03 08:00"
    )


def test_after_an_uninstallation_no_ticks_are_expected(installed):
    for minute in ("05", "10", "15"):
        installed.run("run", at=f"2026-02-03 08:{minute}:01")
    assert status(installed, "2026-02-03 09:00:00")["ticks"]["state"] == "stopped"

    assert installed.run("uninstall", at="2026-02-03 09:00:00").returncode == 0

    found = status(installed, "2026-02-03 09:10:00")
    assert (found["ticks"]["state"], found["problems"]) == ("unknown", [])
