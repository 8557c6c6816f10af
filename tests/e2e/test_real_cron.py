from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from tests.e2e.cron_world import CronWorld, every_minute, missing

pytestmark = [pytest.mark.system, pytest.mark.skipif(bool(missing()), reason=missing())]

BERLIN = ZoneInfo("Europe/Berlin")


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
