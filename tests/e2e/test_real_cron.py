import json
import sys
from collections import Counter
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from scheduled.install.demo_workspace import build
from scheduled.install.starter import starter
from tests.e2e.cron_world import CronWorld, every_minute, missing

pytestmark = [pytest.mark.system, pytest.mark.skipif(bool(missing()), reason=missing())]

BERLIN = ZoneInfo("Europe/Berlin")
# What a tick says, and leaves to the next, where another holds a file for seconds: here these are milliseconds.
OUT_OF_PATIENCE = ("another program keeps writing it", "another program has held the ledger")


@pytest.fixture
def world(tmp_path):
    return CronWorld(tmp_path / "world", "Europe/Berlin")


@pytest.mark.parametrize("speed", [300, 600])
def test_the_fake_clock_loses_no_minute(world, speed):
    start = datetime(2031, 3, 29, 23, 0, tzinfo=BERLIN)

    seen = world.run("", start, fake_minutes=60, speed=speed)

    assert seen[:60] == every_minute(start, 60)


def test_jobs_see_the_fake_clock_the_zone_and_the_worlds_home(world):
    start = datetime(2031, 7, 1, 12, 0, tzinfo=BERLIN)

    world.run(
        "* * * * * echo $(date +\\%Y-\\%m-\\%dT\\%H:\\%M\\%z) $HOME >> $HOME/seen\n", start, fake_minutes=3
    )

    assert (world.home / "seen").read_text().splitlines()[0] == f"2031-07-01T12:01+0200 {world.home}"


def test_an_outage_kills_everything_and_reboot_lines_run_again(world):
    crontab = "@reboot echo boot >> $HOME/boots\n* * * * * sleep 3000; echo late >> $HOME/late\n"

    before = world.run(crontab, datetime(2031, 7, 1, 12, 0, tzinfo=BERLIN), fake_minutes=5)
    after = world.run(None, datetime(2031, 7, 1, 18, 0, tzinfo=BERLIN), fake_minutes=5)

    assert (before[-1].hour, after[0].hour) == (12, 18)
    assert (world.home / "boots").read_text() == "boot\nboot\n"
    assert not (world.home / "late").exists()


def test_what_a_job_prints_is_mailed(world):
    world.run("@reboot echo trouble\n* * * * * true\n", datetime(2031, 7, 1, tzinfo=BERLIN), fake_minutes=3)

    assert [mail.split("\n\n", 1)[1] for mail in world.mails] == ["trouble\n"]


def test_commands_can_be_run_between_in_the_same_world(world):
    done = world.sh(
        "sh",
        "-c",
        'echo "@daily x" | crontab - && crontab -l && date +%F && echo ~',
        at=datetime(2031, 7, 1, tzinfo=BERLIN),
    )

    assert done.stdout == f"@daily x\n2031-07-01\n{world.home}\n"
    assert world.crontab.read_text().endswith("@daily x\n")


def test_nothing_of_the_machine_can_be_written_from_a_world(world):
    for path in ("/etc/made-by-a-test", "/usr/made-by-a-test"):
        assert "Read-only file system" in world.sh("touch", path).stderr


def test_the_machines_own_crontab_is_not_run(world):
    assert world.sh("cat", "/etc/crontab").stdout == ""


class Resident:
    """`scheduled` set up in a world as its user would, with a workspace and a witness of every run."""

    HOURLY = ("health", "memory_rollover", "mail_cleanup", "metrics", "witness")
    # A timeout of the default five minutes is half a second of the clock that is not faked.
    WITNESS = """
[defaults]
timeout = "6h"

[jobs.witness]
cron = "0 * * * *"
command = 'echo "$SCHEDULED_RUN_ID" >> "$HOME/witness"'
"""

    def __init__(self, world, now):
        self.world = world
        workspace = world.home / "workspace"
        build(workspace, now.replace(tzinfo=None))
        self.config = world.home / ".config/scheduled/scheduled.toml"
        self.config.parent.mkdir(parents=True)
        self.config.write_text(starter(workspace) + self.WITNESS)
        self.ask("install", at=now)
        self.ask("run", at=now)

    def ask(self, *words, at):
        done = self.world.sh(sys.executable, "-m", "scheduled", *words, at=at)
        assert done.returncode == 0, (words, done.stdout, done.stderr)
        return done.stdout

    def history(self, at):
        runs = json.loads(self.ask("history", "--json", "--limit", "100000", at=at))
        return [run for run in runs if run["trigger"] == "schedule"]


def hours(first, last):
    """Return every full hour from *first* to *last*, by the clock of the wall: none in a gap."""
    count = int((last.timestamp() - first.timestamp()) // 3600)
    return [datetime.fromtimestamp(first.timestamp() + 3600 * n, BERLIN) for n in range(count + 1)]


@pytest.mark.timeout(1500)
def test_three_days_with_two_outages_leave_no_slot_unaccounted_for(world):
    friday = datetime(2031, 3, 28, 5, 0, tzinfo=BERLIN)
    saturday, sunday = (
        friday.replace(day=29, hour=10),
        friday.replace(day=30, hour=6),
    )  # clocks change on Sunday
    end = sunday.replace(hour=10, minute=50)
    resident = Resident(world, friday)

    # No faster: all that is waited for, in seconds, is so much shorter.
    world.run(None, friday, fake_minutes=4 * 60 + 50, speed=200)
    world.run(None, saturday, fake_minutes=4 * 60 + 50, speed=200)  # slept through 08:00
    seen = world.run(None, sunday, fake_minutes=4 * 60 + 50, speed=200)

    assert end - seen[-1] < timedelta(minutes=2)
    runs = resident.history(end)
    by_job = {job: [run for run in runs if run["job"] == job] for job in (*resident.HOURLY, "daily_report")}
    asleep = set(hours(friday.replace(hour=10), saturday)[:-1]) | set(
        hours(saturday.replace(hour=15), sunday)[:-1]
    )
    for job in resident.HOURLY:
        done = {datetime.fromisoformat(run["scheduled_for"]): run for run in by_job[job]}
        # One run for each hour awake, and what was missed is in the first one after it.
        assert sorted(done) == [hour for hour in hours(friday, end) if hour not in asleep]
        assert {run["status"] for run in by_job[job]} == {"success"}
        assert sum(run["slots"] for run in by_job[job]) == len(hours(friday, end))
        assert [done[morning]["slots"] for morning in (saturday, sunday)] == [25, 15]
    assert [run["scheduled_for"][:16] for run in reversed(by_job["daily_report"])] == [
        f"2031-03-{day}T08:00" for day in (28, 29, 30)
    ]
    assert [
        run for run, count in Counter((run["job"], run["scheduled_for"]) for run in runs).items() if count > 1
    ] == []
    witnessed = (world.home / "witness").read_text().split()
    assert sorted(witnessed) == sorted(run["run_id"] for run in by_job["witness"])

    audit = json.loads(resident.ask("audit", "--json", at=end))
    assert (audit["ok"], audit["problems"]) == (True, [])
    assert audit["slots"] == len(resident.HOURLY) * len(hours(friday, end)) + 3
    reports = world.home / ".local/state/scheduled/reports"
    assert sorted(path.name for path in reports.glob("daily-*.md")) == [
        f"daily-2031-03-{day}.md" for day in (28, 29, 30)
    ]
    assert [mail for mail in world.mails if not any(said in mail for said in OUT_OF_PATIENCE)] == []
