"""The time zone of the host is no edit: slots and retries stay open when only the zone changes between two ticks."""

import os
import shutil
from pathlib import Path

import pytest

from tests.fixtures.world import World

pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(
        not shutil.which("faketime"), reason="SKIPPED LOUDLY: Debian's faketime is not installed"
    ),
]


def in_zone(zone: str) -> dict[str, str]:
    return {**os.environ, "TZ": zone}


def lines(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []


def test_another_name_of_the_same_zone_is_no_edit(world: World) -> None:
    ran = world.root / "ran"
    world.configure(f"""
        [jobs.x]
        cron = "0 * * * *"
        command = "echo $SCHEDULED_MISSED >> {ran}"
    """)
    world.run("run", at="2026-06-10 08:58:00", env=in_zone("Etc/UTC"))

    world.run("run", at="2026-06-10 11:35:00", env=in_zone("UTC"))

    assert lines(ran) == ["2"]


def test_a_flight_to_another_zone_loses_no_slot(world: World) -> None:
    ran = world.root / "ran"
    world.configure(f"""
        [jobs.daily]
        cron = "0 9 * * *"
        command = "echo daily >> {ran}"
        [jobs.six]
        every = "6h"
        command = "echo six >> {ran}"
    """)
    for at in ("2026-04-08 02:00:05", "2026-04-08 08:50:05"):
        world.run("run", at=at, env=in_zone("Europe/Paris"))
    ran.unlink(missing_ok=True)

    world.run("run", at="2026-04-08 14:00:05", env=in_zone("America/New_York"))

    assert sorted(lines(ran)) == ["daily", "six"]


def test_a_run_by_hand_in_a_shell_with_another_zone_keeps_open_retries(world: World) -> None:
    ran, ready = world.root / "ran", world.root / "ready"
    world.configure(f"""
        [jobs.x]
        cron = "0 9 * * *"
        command = "test -e {ready} && echo x >> {ran}"
        retry = {{max_attempts = 5, delay = "10m"}}
        [jobs.y]
        command = "true"
    """)
    for at in ("2026-04-08 08:55:05", "2026-04-08 09:00:05"):
        world.run("run", at=at, env=in_zone("UTC"))
    ready.touch()

    world.run("run", "y", at="2026-04-08 05:03:00", env=in_zone("America/New_York"))
    world.run("run", at="2026-04-08 09:15:05", env=in_zone("UTC"))

    assert lines(ran) == ["x"]
