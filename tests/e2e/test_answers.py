"""What the commands say is what the ticks do: through the real command line, under a clock that stands."""

import shutil

import pytest

pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(
        not shutil.which("faketime"), reason="SKIPPED LOUDLY: Debian's faketime is not installed"
    ),
]


@pytest.fixture
def configured(world):
    """Configure a world whose people live in UTC."""

    def configure(*lines):
        world.configure("\n".join(['timezone = "UTC"', *lines]))
        return world

    return configure


def quiet(done):
    return (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_the_crontabs_daily_report_is_silent_where_no_job_makes_one(configured):
    world = configured("[jobs.d]", 'cron = "0 8 * * *"', 'command = "true"')
    world.run("run", at="2026-11-20 07:58:00")

    assert quiet(world.run("daily-report", "--due", at="2026-11-20 08:00:00"))
    assert world.json("daily-report", "--due", "--dry-run", at="2026-11-20 08:00:00") == []
    assert world.json("history", at="2026-11-20 08:01:00") == []
    assert world.run("daily-report", at="2026-11-20 08:00:00").returncode == 2
