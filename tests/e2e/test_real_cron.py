"""Ticks that a real Debian cron starts under a fake clock, over three days with outages."""

import json
import sys
from collections import Counter
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from scheduled.install.demo_workspace import build
from scheduled.install.environment import OF_SHELLS
from scheduled.install.starter import starter
from tests.e2e.cron_world import CronWorld, every_minute, missing

pytestmark = [pytest.mark.system, pytest.mark.skipif(bool(missing()), reason=missing())]

BERLIN = ZoneInfo("Europe/Berlin")
# Messages of ticks that give up waiting for a file. Under the fast clock these timeouts are milliseconds.
TIMEOUTS = ("another program keeps writing it", "another program has held the ledger")


@pytest.fixture
def world(tmp_path):
    return CronWorld(tmp_path / "world", "Europe/Berlin")


@pytest.mark.parametrize("speed", [300, 600])
def test_the_fake_clock_skips_no_minute(world, speed):
    start = datetime(2031, 3, 29, 23, 0, tzinfo=BERLIN)

    seen = world.run("", start, fake_minutes=60, speed=speed)

    assert seen[:60] == every_minute(start, 60)


def test_jobs_have_the_fake_clock_the_zone_and_the_home_of_the_world(world):
    start = datetime(2031, 7, 1, 12, 0, tzinfo=BERLIN)

    world.run(
        "* * * * * echo $(date +\\%Y-\\%m-\\%dT\\%H:\\%M\\%z) $HOME >> $HOME/seen\n", start, fake_minutes=3
    )

    assert (world.home / "seen").read_text().splitlines()[0] == f"2031-07-01T12:01+0200 {world.home}"


def test_an_outage_kills_all_processes_and_reboot_lines_run_again(world):
    crontab = "@reboot echo boot >> $HOME/boots\n* * * * * sleep 3000; echo late >> $HOME/late\n"

    before = world.run(crontab, datetime(2031, 7, 1, 12, 0, tzinfo=BERLIN), fake_minutes=5)
    after = world.run(None, datetime(2031, 7, 1, 18, 0, tzinfo=BERLIN), fake_minutes=5)

    assert (before[-1].hour, after[0].hour) == (12, 18)
    assert (world.home / "boots").read_text() == "boot\nboot\n"
    assert not (world.home / "late").exists()


def test_cron_mails_the_output_of_a_job(world):
    world.run("@reboot echo problem\n* * * * * true\n", datetime(2031, 7, 1, tzinfo=BERLIN), fake_minutes=3)

    assert [mail.split("\n\n", 1)[1] for mail in world.mails] == ["problem\n"]


def test_commands_without_cron_run_in_the_same_world(world):
    done = world.sh(
        "sh",
        "-c",
        'echo "@daily x" | crontab - && crontab -l && date +%F && echo ~',
        at=datetime(2031, 7, 1, tzinfo=BERLIN),
    )

    assert done.stdout == f"@daily x\n2031-07-01\n{world.home}\n"
    assert world.crontab.read_text().endswith("@daily x\n")


def test_a_world_cannot_write_to_the_machine(world):
    for path in ("/etc/made-by-a-test", "/usr/made-by-a-test"):
        assert "Read-only file system" in world.sh("touch", path).stderr


def test_the_crontab_of_the_machine_is_not_run(world):
    assert world.sh("cat", "/etc/crontab").stdout == ""


VARIABLES = """\
MAILTO=""
PATH=/opt/tools:/usr/bin:/bin
QUOTED = ' two  words '
LITERAL=$HOME/x # all of it
"""
PLAIN = "* * * * * env -0 > new-plain && mv new-plain plain\n"
LATER = "PATH=/nowhere\n"
# A script, so that cron is not the parent of the tick: as if a person typed it in a shell with other variables.
BY_HAND = """
export FOO=of-the-caller PATH=/caller:/usr/bin:/bin LANG=de_DE.UTF-8 SHELL=/bin/zsh QUOTED=no
{scheduled} run hand
{scheduled} try hand > new && mv new try
{scheduled} env hand --json > new && mv new env
"""
CONFIG = """
[jobs.cron]
cron = "* * * * *"
command = "env -0 > new-cron; mv new-cron cron"
[jobs.hand]
command = "env -0 > new-hand; mv new-hand hand; env -0"
"""
ABOUT = (
    "ATTEMPT",
    "EVENT",
    "EVENT_DATA",
    "FOR",
    "JOB",
    "MISSED",
    "RUN_ID",
    "TARGET",
    "TRIGGER",
    "WINDOW_START",
)
OF_THE_RUN = {f"SCHEDULED_{name}" for name in ABOUT}


def given(path):
    """Return the variables in the output of `env -0` in *path*, without those that describe the run."""
    pairs = dict(entry.partition("=")[::2] for entry in path.read_text().split("\0") if entry)
    return {name: value for name, value in pairs.items() if name not in OF_THE_RUN and name not in OF_SHELLS}


@pytest.mark.parametrize("shell", ["", "SHELL=/bin/bash\n"], ids=["sh", "bash"])
def test_a_job_gets_the_same_environment_from_cron_by_hand_and_by_try(world, shell):
    start = datetime(2031, 7, 1, 12, 0, tzinfo=BERLIN)
    config = world.home / ".config/scheduled/scheduled.toml"
    config.parent.mkdir(parents=True)
    config.write_text(CONFIG)
    (world.directory / "locale").write_text('LANG="en_US.UTF-8"\n')
    (world.home / "by-hand").write_text(BY_HAND.format(scheduled=f"{sys.executable} -m scheduled"))
    world.sh("crontab", "-", input=f"{VARIABLES}{shell}* * * * * sh by-hand\n{PLAIN}")
    world.sh(sys.executable, "-m", "scheduled", "install", "--every", "1", at=start)
    installed = world.crontab.read_text()

    world.run(installed + LATER, start, fake_minutes=4, speed=60)

    of_cron = given(world.home / "cron")
    assert (of_cron["PATH"], of_cron["LANG"]) == ("/opt/tools:/usr/bin:/bin", "en_US.UTF-8")
    assert (of_cron["QUOTED"], of_cron["LITERAL"]) == (" two  words", "$HOME/x # all of it")
    assert (of_cron["HOME"], of_cron["USER"]) == (str(world.home), "root")
    own = {name: of_cron[name] for name in ("USER", "SCHEDULED_CONFIG", "SCHEDULED_STATE")}
    assert of_cron == given(world.home / "plain") | own
    assert given(world.home / "hand") == of_cron
    assert given(world.home / "try") == of_cron
    shown = {one["name"]: one["value"] for one in json.loads((world.home / "env").read_text())["variables"]}
    assert {name: value for name, value in shown.items() if name not in OF_THE_RUN} == of_cron


class Resident:
    """An installation of `scheduled` in a world, with a workspace and a job that records each of its runs."""

    HOURLY = ("health", "memory_rollover", "mail_cleanup", "metrics", "witness")
    # The default timeout of five minutes would be half a second of real time.
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
        self.call("install", at=now)
        self.call("run", at=now)

    def call(self, *words, at):
        done = self.world.sh(sys.executable, "-m", "scheduled", *words, at=at)
        assert done.returncode == 0, (words, done.stdout, done.stderr)
        return done.stdout

    def history(self, at):
        runs = json.loads(self.call("history", "--json", "--limit", "100000", at=at))
        return [run for run in runs if run["trigger"] == "schedule"]


def hours(first, last):
    """Return every full hour from *first* to *last* in local time, without the hour that a clock change skips."""
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

    # At a higher speed the timeouts of ticks, given in seconds, would be too short.
    world.run(None, friday, fake_minutes=4 * 60 + 50, speed=200)
    world.run(None, saturday, fake_minutes=4 * 60 + 50, speed=200)  # the outage includes 08:00
    seen = world.run(None, sunday, fake_minutes=4 * 60 + 50, speed=200)

    assert end - seen[-1] < timedelta(minutes=2)
    runs = resident.history(end)
    by_job = {job: [run for run in runs if run["job"] == job] for job in (*resident.HOURLY, "daily_report")}
    asleep = set(hours(friday.replace(hour=10), saturday)[:-1]) | set(
        hours(saturday.replace(hour=15), sunday)[:-1]
    )
    for job in resident.HOURLY:
        done = {datetime.fromisoformat(run["scheduled_for"]): run for run in by_job[job]}
        # One run for each hour without an outage; the first run after an outage covers the missed slots.
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

    audit = json.loads(resident.call("audit", "--json", at=end))
    assert (audit["ok"], audit["problems"]) == (True, [])
    assert audit["slots"] == len(resident.HOURLY) * len(hours(friday, end)) + 3
    reports = world.home / ".local/state/scheduled/reports"
    assert sorted(path.name for path in reports.glob("daily-*.md")) == [
        f"daily-2031-03-{day}.md" for day in (28, 29, 30)
    ]
    assert [mail for mail in world.mails if not any(text in mail for text in TIMEOUTS)] == []
