"""Who watches cron: a block that is gone, a program that is gone, no cron at all; with a crontab of the test."""

import json
from pathlib import Path

import pytest

from scheduled.install import cron_checks
from tests.fixtures.faked_clock import completed
from tests.fixtures.interfaces import crontab

ROOT = Path(__file__).parents[2]

JOBS = """
    timezone = "UTC"
    [jobs.hourly]
    cron = "0 * * * *"
    command = "true"
    [jobs.by-hand]
    command = "true"
"""
STOPPED = "ticks have stopped: the last one was at 2026-02-03 10:05"
NEXT_DAY = "2026-02-04 12:00:00"


@pytest.fixture
def tab(world, seal):
    """The crontab of a world in which `install` was done at 10:00, and cron started a tick at 10:05."""
    found = crontab.give(seal / "bin")
    world.configure(JOBS)
    assert world.run("install", at="2026-02-03 10:00:00").returncode == 0
    world.run("run", at="2026-02-03 10:05:02")
    return found


def problems(world, at):
    return json.loads(world.run("status", "--json", at=at).stdout)["problems"]


def brief(world, at):
    done = world.run("status", "--brief", at=at)
    assert (done.returncode, done.stderr) == (1 if done.stdout else 0, "")
    return done.stdout


def without_block(tab):
    tab.write_text("17 * * * * true\n")


def with_another_python(tab, world):
    used = world.command()[0]
    assert used in tab.read_text()
    tab.write_text(tab.read_text().replace(used, "/nowhere/bin/python3"))


@pytest.mark.usefixtures("tab")
def test_the_list_of_incidents_names_ticks_that_have_stopped(world):
    done = world.run("incidents", at=NEXT_DAY)

    assert (done.stdout, STOPPED in done.stderr) == ("there are no other incidents\n", True)
    assert world.run("incidents", at="2026-02-03 10:07:00").stderr == ""


@pytest.mark.usefixtures("tab")
def test_all_is_well(world):
    assert problems(world, "2026-02-03 10:07:00") == []
    assert brief(world, "2026-02-03 10:07:00") == ""


def test_status_names_a_block_that_is_gone_before_a_tick_is_missing(world, tab):
    without_block(tab)

    assert problems(world, "2026-02-03 10:07:00") == [cron_checks.GONE]
    tab.unlink()
    assert problems(world, "2026-02-03 10:07:00") == [cron_checks.GONE]


def test_status_names_a_damaged_block(world, tab):
    tab.write_text(tab.read_text().replace("# <<< scheduled <<<\n", ""))

    assert "begins a block that has no end" in problems(world, "2026-02-03 10:07:00")[0]


def test_status_names_an_interpreter_that_is_gone(world, tab):
    with_another_python(tab, world)

    (found,) = problems(world, "2026-02-03 10:07:00")
    assert found.startswith("the crontab starts /nowhere/bin/python3, which does not exist any more")


def test_a_crontab_that_cannot_be_read_is_no_proof(world, tab):
    tab.with_name("crontab").write_text("#!/bin/sh\necho broken >&2; exit 1\n")

    assert problems(world, "2026-02-03 10:07:00") == []


def test_without_install_nothing_is_looked_at(world, seal):
    tab = crontab.give(seal / "bin")
    tab.with_name("crontab").write_text(f"#!/bin/sh\ntouch {tab}.asked; exit 1\n")
    world.configure(JOBS)
    for minute in ("02", "07", "12"):
        world.run("run", at=f"2026-02-03 10:{minute}:02")
        world.run("status", at=f"2026-02-03 10:{minute}:30")

    assert not tab.with_name("kept.tab.asked").exists()
    world.run("install")
    world.run("uninstall")
    assert not any("crontab" in text for text in problems(world, NEXT_DAY))


def test_another_tick_prints_it_once_within_an_hour_and_that_it_is_over_silently(world, tab):
    without_block(tab)
    printed = []
    for at in ("10:10", "10:30", "11:10", "11:15"):
        done = world.run("run", "by-hand", at=f"2026-02-03 {at}:00")
        printed.append(cron_checks.GONE in done.stdout + done.stderr)

    assert printed == [False, True, False, False]
    assert "ticks have stopped: the last one was 70 min ago" in brief(world, "2026-02-03 11:15:30")
    world.run("install", at="2026-02-03 11:16:00")
    world.run("run", "by-hand", at="2026-02-03 11:16:30")
    assert problems(world, "2026-02-03 11:17:00") == []
    assert brief(world, "2026-02-03 11:17:00") == ""


def test_the_heartbeat_of_a_tick_that_something_else_starts_has_it(world, tab, monitor):
    world.config.write_text(f'{world.config.read_text()}\n[notify]\nheartbeat_url = "{monitor.url}/t1"\n')
    without_block(tab)
    world.run("run", at="@2026-02-03 11:10:00")

    assert monitor.signals("t1") == ["start", "success"]
    assert cron_checks.GONE in monitor.pings[-1][3]
    assert cron_checks.GONE in brief(world, "2026-02-03 11:11:00")


def test_the_crontab_is_listed_once_an_hour(world, tab):
    command = tab.with_name("crontab")
    command.write_text(command.read_text().replace("-l)", f'-l) echo >> "{tab}.asked";'))
    for minute in range(0, 120, 5):
        world.run("run", at=f"2026-02-03 {12 + minute // 60}:{minute % 60:02}:02")

    # Each of the two runs of the job lists it as well, for the variables of its environment.
    assert tab.with_name("kept.tab.asked").read_text().count("\n") == 2 + 2


@pytest.mark.usefixtures("tab")
def test_brief_reports_that_ticks_have_stopped_and_problems(world):
    assert brief(world, "2026-02-03 10:14:00") == ""
    assert (
        brief(world, NEXT_DAY)
        == "scheduled: ticks have stopped: the last one was 25 h ago (scheduled status)\n"
    )
    assert problems(world, NEXT_DAY)[0].startswith(STOPPED)


def test_brief_reports_that_the_first_tick_does_not_come(world, seal):
    crontab.give(seal / "bin")
    world.configure(JOBS)
    world.run("install", at="2026-02-03 10:00:00")
    world.run("run", "by-hand", at="2026-02-03 10:01:00")

    assert brief(world, "2026-02-03 10:05:00") == ""
    assert "ticks have stopped" in brief(world, "2026-02-03 10:12:00")


@pytest.mark.usefixtures("tab")
def test_brief_reports_a_refused_configuration_until_it_can_be_read(world):
    good = world.config.read_text()
    world.config.write_text("[jobs\n")
    world.run("run", at="2026-02-03 10:10:02")
    assert "the configuration was refused, so no job runs" in brief(world, "2026-02-03 10:10:30")

    world.config.write_text(good)
    world.run("run", at="2026-02-03 10:15:02")
    assert brief(world, "2026-02-03 10:15:30") == ""


@pytest.mark.usefixtures("tab")
def test_brief_needs_no_state_and_no_whole_file(world):
    (world.state / "brief").write_bytes(b"\xff\x00")
    assert brief(world, NEXT_DAY) == ""
    (world.state / "brief").unlink()
    assert brief(world, NEXT_DAY) == ""
    done = world.run("status", "--brief", "--json")
    assert done.returncode == 2


@pytest.mark.usefixtures("tab")
def test_brief_imports_only_built_in_modules(world):
    code = (
        f"import sys; sys.path.insert(0, {str(ROOT)!r}); before = set(sys.modules)\n"
        "from scheduled import brief\n"
        f"assert brief.run({world.command('status', '--brief')[2:]!r}) == 1\n"
        "print(sorted(set(sys.modules) - before))"
    )
    done = completed([world.command()[0], "-I", "-S", "-c", code])

    assert done.stdout.splitlines()[1:] == ["['scheduled', 'scheduled.brief', 'scheduled.idle']"]


@pytest.mark.parametrize(("names", "missing"), [(("init", "cron"), False), (("init", "sshd"), True)])
def test_no_cron_among_the_processes(tmp_path, monkeypatch, names, missing):
    monkeypatch.setattr(cron_checks, "NO_DAEMON", ())
    for pid, name in enumerate(names, 1):
        (tmp_path / str(pid)).mkdir()
        (tmp_path / str(pid) / "comm").write_text(f"{name}\n")
        (tmp_path / str(pid) / "stat").touch()

    assert cron_checks.is_cron_missing(str(tmp_path)) == missing


def test_processes_that_cannot_be_seen_are_no_proof(tmp_path):
    assert not cron_checks.is_cron_missing(str(tmp_path))
