"""`wake`: ticks set the alarm of the real-time clock. The clock is a directory with the files of the kernel."""

import subprocess
import time
from datetime import datetime
from pathlib import Path

import pytest

CONFIG = """
    [jobs.yearly]
    cron = "30 4 1 1 *"
    command = "true"
    wake = true
    [jobs.daily]
    cron = "30 4 * * *"
    command = "true"
"""


@pytest.fixture
def clock(world, monkeypatch):
    """Return a function that reads the alarm of the clock of this world."""
    place = world.root / "rtc/rtc0"
    place.mkdir(parents=True)
    (place / "wakealarm").write_text("")
    monkeypatch.setenv("SCHEDULED_RTC_CLASS", str(place.parent))
    world.configure(CONFIG)
    return lambda: int((place / "wakealarm").read_text() or 0)


def without_crontab():
    """Make `crontab` answer that the user has none."""
    (Path.home() / "bin/crontab").write_text("#!/bin/sh\necho 'no crontab for root' >&2\nexit 1\n")


def set_alarm(world, at):
    (world.root / "rtc/rtc0/wakealarm").write_text(f"{at}\n")


def due(world):
    """Return when the job with `wake` is due, in UTC seconds."""
    [entry] = world.json("next", "yearly", "-n", "1")
    return int(datetime.fromisoformat(entry["scheduled_for"]).timestamp())


def test_a_tick_sets_the_alarm_a_minute_before_the_next_slot_and_it_is_shown(world, clock):
    done = world.run("run")

    assert (done.returncode, done.stderr) == (0, "")
    assert clock() == due(world) - 60
    shown = world.json("status")["wake"]
    [entry] = world.json("next", "yearly", "-n", "1")
    assert (shown["job"], shown["due"], entry["wakes_at"]) == ("yearly", entry["scheduled_for"], shown["at"])
    assert "wakes      at " in world.run("status").stdout
    assert (
        f"the machine wakes at {shown['at'][:16].replace('T', ' ')} for yearly\n" in world.run("next").stdout
    )
    assert "wakes_at" not in world.json("next", "daily")[0]


@pytest.mark.parametrize("words", [("pause", "yearly"), ("disable", "yearly"), ("pause",)])
def test_an_alarm_that_is_not_wanted_is_cleared_and_set_again(world, clock, words):
    world.run("run")
    world.run(*words)
    world.run("run")
    cleared = clock(), world.json("status")["wake"]
    world.run({"pause": "resume", "disable": "enable"}[words[0]], *words[1:])
    world.run("run")

    assert cleared == (0, None)
    assert clock() == due(world) - 60


def test_the_alarm_is_cleared_when_no_job_wants_it_and_by_uninstall(world, clock):
    without_crontab()
    world.run("run")
    removed = world.run("uninstall")
    assert removed.returncode == 0, removed.stderr
    uninstalled = clock()
    world.run("run", "daily")
    again = clock()
    world.configure(CONFIG.replace("wake = true", ""))
    world.run("run")

    assert (uninstalled, clock()) == (0, 0) and again


def test_an_alarm_of_another_program_is_kept(world, clock):
    earlier, later = int(time.time()) + 3600, int(time.time()) + 1000 * 86400
    set_alarm(world, earlier)
    first = world.run("run")
    kept = clock(), world.json("status")["wake"]
    set_alarm(world, later)
    world.run("run", "daily")
    problems = world.json("status")["problems"]
    kept_too = clock()
    without_crontab()
    world.run("uninstall")

    assert (first.stderr, kept) == ("", (earlier, None))
    assert (kept_too, clock()) == (later, later)
    assert any("another program has set the alarm" in text for text in problems)


def test_an_alarm_that_another_program_has_put_in_place_of_ours_is_not_cleared(world, clock):
    without_crontab()
    world.run("run")
    other = int(time.time()) + 3600
    set_alarm(world, other)

    world.run("uninstall")

    assert clock() == other


@pytest.mark.usefixtures("clock")
def test_without_the_right_the_problem_is_printed_once_and_the_job_runs(world):
    (world.root / "rtc/rtc0/wakealarm").unlink()
    ticks = [world.run("run", "yearly") for _ in range(2)]

    assert [done.returncode for done in ticks] == [0, 0]
    assert "wake: this machine has no real-time clock with an alarm" in ticks[0].stderr
    assert "wake" not in ticks[1].stderr
    assert {run["status"] for run in world.json("history")} == {"success"}


@pytest.mark.usefixtures("clock")
def test_a_command_sets_the_alarm_if_the_file_cannot_be_written(world):
    place = world.root / "rtc/rtc0/wakealarm"
    place.unlink()
    place.symlink_to("/proc/version")  # not even root can write it
    helper = world.root / "helper"
    helper.write_text(f'#!/bin/sh\necho "$@" >> {world.root}/called\n')
    helper.chmod(0o700)
    world.configure(f'[wake]\ncommand = "{helper} -v"\n' + CONFIG.replace("\n    ", "\n"))
    done = world.run("run")

    assert done.stderr == ""
    assert (world.root / "called").read_text() == f"-v -m no -t {due(world) - 60}\n"
    helper.write_text("#!/bin/sh\necho no way >&2; exit 1\n")
    (world.root / "called").unlink()
    assert "-t " in world.run("run", "daily").stderr + "-t " and "no way" in "".join(
        world.json("status")["problems"]
    )


HELD = """
    [jobs.held]
    cron = "{cron}"
    command = "false"
    wake = true
    {keys}
"""


@pytest.mark.system
@pytest.mark.parametrize(
    ("cron", "keys", "words", "expected"),
    [
        ("0 12 * * *", 'not_between = ["11:00", "13:30"]', (), "13:30"),
        ("0 12 * * *", "", ("pause", "held", "--until", "2026-03-02T15:20:00Z"), "15:20"),
        ("0 12 * * *", "only_if = { command = 'false' }", (), "12:00"),
        ("0 12 * * *", "after = ['other']", (), "12:00"),
        ("32 12 * * *", "", (), "12:35"),
        ("0 10 * * *", "retry = { max_attempts = 3, delay = '20m' }", (), "10:25"),
    ],
)
def test_the_alarm_is_a_minute_before_the_tick_that_next_names(world, clock, cron, keys, words, expected):
    world.configure(
        'timezone = "UTC"\n[jobs.other]\ncron = "0 5 * * *"\ncommand = "true"\n'
        + HELD.format(cron=cron, keys=keys)
    )
    at = "2026-03-02 10:00:40"
    world.run("run", at=at)
    if words:
        done = world.run(*words, at=at)
        assert done.returncode == 0, done.stderr
    world.run("run", "other", at=at)
    [entry] = world.json("next", "held", "-n", "1", at=at)
    tick = datetime.fromisoformat(entry["runs_at"])

    assert f"{tick:%H:%M}" == expected
    assert clock() == tick.timestamp() - 60


def test_the_tick_after_the_alarm_sets_the_next_one(world, clock):
    """The machine may sleep again before the slot: the first tick after the alarm is not idle."""
    world.configure("""
        [jobs.soon]
        every = "1h"
        anchor = "2020-01-01T00:00:00Z"
        jitter = 0
        command = "true"
        wake = true
        [jobs.often]
        on = "never"
        command = "true"
    """)
    world.run("run")
    alarm = clock()

    next_due = world.snapshot()["next_due"]

    assert datetime.fromisoformat(next_due).timestamp() <= alarm


@pytest.mark.usefixtures("clock")
def test_check_warns_if_the_alarm_cannot_be_set_and_only_if_a_job_wants_it(world):
    well = world.json("check")["warnings"]
    (world.root / "rtc/rtc0/wakealarm").unlink()
    warned = world.json("check")["warnings"]
    world.configure(CONFIG.replace("wake = true", ""))

    assert (well, world.json("check")["warnings"]) == ([], [])
    assert ["this machine has no real-time clock" in text for text in warned] == [True]


@pytest.mark.usefixtures("clock")
def test_without_such_a_job_nothing_of_it_is_imported(world):
    world.configure(CONFIG.replace("wake = true", ""))
    command = world.command("run")

    traced = subprocess.run(
        [command[0], "-X", "importtime", *command[1:]], capture_output=True, text=True, check=True
    ).stderr

    imported = {line.rpartition("|")[2].strip() for line in traced.splitlines()}
    assert "scheduled.engine.tick" in imported
    unneeded = {"engine.wake", "engine.rtc", "core.wake", "core.secret_sources", "execution.secret_getter"}
    assert {f"scheduled.{name}" for name in unneeded}.isdisjoint(imported)
    assert world.json("status")["wake"] is None
