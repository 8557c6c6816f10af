"""What people really type as a schedule: Debian's meaning where it has one, else advice that names the right words."""

import shutil

import pytest

from tests.fixtures.world import World

pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(
        not shutil.which("faketime"), reason="SKIPPED LOUDLY: Debian's faketime is not installed"
    ),
]


def configure(world: World, cron: str) -> None:
    world.configure(f'timezone = "UTC"\n[jobs.j]\ncron = "{cron}"\ncommand = "true"\n')


def test_a_range_of_one_with_a_step_is_that_one(world: World) -> None:
    configure(world, "0 9-9/2 * * *")
    world.run("run", at="2026-02-02 12:00:05")

    span = ("--from", "2026-02-03", "--to", "2026-02-04")
    slots = [run["scheduled_for"] for run in world.json("forecast", *span, at="2026-02-02 12:01:00")]

    assert slots == ["2026-02-03T09:00:00+00:00"]


@pytest.mark.parametrize(
    ("cron", "advice"),
    [
        ("0 22-6/2 * * *", "22-23/2,0-6/2"),
        ("1/2/3 * * * *", "1-59/2"),
        ("TZ=UTC 0 3 * * *", "timezone ="),
        ("0 3 * * * /bin/true", "command ="),
        ("@every 5m", 'every = "5m"'),
        ("~ * * * *", "H"),
        ("0 0 ? * MON", "*"),
        ("0 0 * * MON-SUN", "MON-7"),
        ("0 0 * * Sunday", "SUN"),
    ],
)
def test_check_gives_advice_that_is_accepted(world: World, cron: str, advice: str) -> None:
    configure(world, cron)

    done = world.run("check", at="2026-02-02 12:02:00")

    assert done.returncode == 2
    assert advice in " ".join((done.stdout + done.stderr).split())
