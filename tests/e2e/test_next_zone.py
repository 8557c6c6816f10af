"""After the time zone of the ticks changed, every answer is in the zone of the next tick, and not in that of the shell."""

import os
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from scheduled import clock
from tests.fixtures.world import World

pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(
        not shutil.which("faketime"), reason="SKIPPED LOUDLY: Debian's faketime is not installed"
    ),
]

JOBS = """
    [jobs.daily]
    cron = "0 9 * * *"
    command = "true"
    [jobs.fixed]
    cron = "0 9 * * *"
    timezone = "UTC"
    command = "true"
    [jobs.quiet]
    every = "1h"
    command = "true"
    not_between = ["11:00", "12:00"]
"""
TOKYO = datetime(2026, 2, 4, 0, 0, tzinfo=UTC)  # 09:00 in Asia/Tokyo
NOW = "2026-02-03 10:02:30"


@pytest.fixture
def crontab(world: World, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file of a crontab that `crontab` reads and writes; no cron reads it."""
    file, programs = world.root / "crontab", world.root / "bin"
    programs.mkdir()
    (programs / "crontab").write_text(
        f'#!/bin/sh\nF="{file}"\ncase "$1" in\n-l) exec cat "$F";;\n-r) rm "$F";;\n*) cat "$1" >"$F";;\nesac\n'
    )
    (programs / "crontab").chmod(0o755)
    file.write_text("TZ=UTC\n")  # and not the zone of the machine that runs the test
    monkeypatch.setenv("PATH", f"{programs}:/usr/bin:/bin")
    return file


@pytest.fixture
def ticking(world: World, crontab: Path) -> World:  # noqa: ARG001 - `install` writes the crontab
    """A world with a crontab and ticks in UTC since 10:00."""
    world.configure(JOBS)
    assert world.run("install", at="2026-02-03 09:59:00").returncode == 0
    tick(world, "2026-02-03 10:00:01", "UTC")
    return world


def tick(world: World, at: str, zone: str) -> str:
    """Run a tick in *zone*, at the local time *at*, and return what it prints."""
    return world.run("run", at=at, env={**os.environ, "TZ": zone}).stderr


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def test_answers_are_in_the_zone_that_the_crontab_gives_to_the_next_tick(
    ticking: World, crontab: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    crontab.write_text(crontab.read_text().replace("TZ=UTC", "TZ=Asia/Tokyo"))
    monkeypatch.setenv("TZ", "UTC")

    explained = ticking.json("explain", "daily", at=NOW)
    assert instant(explained["next_run"]) == TOKYO
    assert "Asia/Tokyo from the next tick on, and UTC until then" in explained["timezone"]
    assert "2026-02-04 09:00" in explained["sentence"]
    assert "timezone" not in {k for k, v in ticking.json("explain", "fixed", at=NOW).items() if v is not None}
    (first, *_) = [row for row in ticking.json("next", "-n", "50", at=NOW) if row["job"] == "daily"]
    assert (instant(first["runs_at"]), instant(first["scheduled_for"])) == (TOKYO, TOKYO)
    assert "assumed" not in first
    span = ("--from", "2026-02-03T10:05:00Z", "--to", "2026-02-04T10:00:00Z", "--job", "daily")
    assert [instant(row["runs_at"]) for row in ticking.json("forecast", *span, at=NOW)] == [TOKYO]
    for rows in (ticking.json("jobs", at=NOW), ticking.json("status", at=NOW)["jobs"]):
        assert instant({row["name"]: row["next_run"] for row in rows}["daily"]) == TOKYO
    for words in (("next",), ("jobs",), ("status",), ("forecast", *span), ("run", "--dry-run")):
        assert "follow Asia/Tokyo from the next tick on" in ticking.run(*words, at=NOW).stdout, words

    # The outage ends after 09:00 in Asia/Tokyo: until then the slots are those of UTC.
    late = ticking.json("forecast", *span, "--outage", "2026-02-03T10:00:00Z..2026-02-04T09:30:00Z", at=NOW)
    assert [row["scheduled_for"] and instant(row["scheduled_for"]).hour for row in late] == [9]

    tick(ticking, "2026-02-03 19:05:01", "Asia/Tokyo")
    assert instant(ticking.json("explain", "daily", at="2026-02-03 10:06:00")["next_run"]) == TOKYO


def test_a_shell_in_another_zone_does_not_matter(ticking: World) -> None:
    shell = {**os.environ, "TZ": "America/New_York"}

    shown = ticking.run("next", "daily", "-n", "1", "--json", at="2026-02-03 05:02:30", env=shell).stdout

    assert '"runs_at": "2026-02-04T09:00:00+00:00"' in shown
    assert "follow" not in ticking.run("next", "daily", at="2026-02-03 05:02:30", env=shell).stdout


def test_before_the_first_tick_a_job_that_was_added_in_another_zone_is_in_that_of_the_crontab(
    world: World, crontab: Path
) -> None:
    world.configure("")
    crontab.write_text("TZ=Asia/Tokyo\n")
    world.run("install", at="2026-02-03 09:59:00")
    shell = {**os.environ, "TZ": "America/New_York"}
    world.run("add", "daily", "--cron", "0 9 * * *", "--command", "true", at="2026-02-03 05:00:00", env=shell)

    shown = world.run("next", "-n", "1", "--json", at="2026-02-03 05:00:30", env=shell).stdout

    assert '"runs_at": "2026-02-04T09:00:00+09:00"' in shown


def test_the_dry_run_is_that_of_a_tick_in_the_new_zone(ticking: World, crontab: Path) -> None:
    crontab.write_text(crontab.read_text().replace("TZ=UTC", "TZ=Etc/GMT-1"))  # in which it is 12:00

    rows = ticking.json("run", "--dry-run", at="2026-02-03 11:00:30")

    assert [row["reason"] for row in rows if row["job"] == "quiet"] == ["due"]
    crontab.write_text(crontab.read_text().replace("TZ=Etc/GMT-1", "TZ=UTC"))
    (waits,) = [
        row for row in ticking.json("run", "--dry-run", at="2026-02-03 11:00:30") if row["job"] == "quiet"
    ]
    assert waits["open_reason"] == "quiet"


def test_what_cannot_be_known_is_assumed_and_named(world: World) -> None:
    world.configure(JOBS)
    tick(
        world, "2026-02-03 19:00:01", "Asia/Tokyo"
    )  # something else than the crontab starts ticks, in a TZ of its own
    first = world.json("next", "daily", "-n", "1", at="2026-02-03 10:01:00")[0]
    assert (instant(first["runs_at"]), first["assumed"]) == (TOKYO, ["cadence"])

    world.configure(JOBS.replace('"0 9', '"30 9'))
    world.root.joinpath("state", "ledger.db").unlink()
    tick(world, "2026-02-03 10:05:01", "UTC")
    # The system was in another zone then.
    world.sql("UPDATE meta SET value = 'Asia/Tokyo' WHERE key IN ('zone', 'system_zone')")

    first = world.json("next", "daily", "-n", "1", at="2026-02-03 10:06:00")[0]
    assert first["assumed"] == ["cadence", "zone"]
    shown = world.run("next", at="2026-02-03 10:06:00").stdout
    system = clock.system_zone()
    assert f"follow {system} (assumed: the last one was in Asia/Tokyo, as the system then;" in " ".join(
        shown.split()
    )
    assert world.json("next", "fixed", "-n", "1", at="2026-02-03 10:06:00")[0]["assumed"] == ["cadence"]


def test_a_zone_in_the_crontab_that_cannot_be_used_is_named_by_check_install_and_once_by_the_ticks(
    ticking: World, crontab: Path
) -> None:
    crontab.write_text(crontab.read_text().replace("TZ=UTC", "TZ=<+03>-3"))
    named = "line 1 of your crontab (TZ=<+03>-3): is not the name of a time zone"

    assert named in ticking.run("check", at=NOW).stdout
    assert (
        'Write TZ=Etc/GMT-3 there, or timezone = "Etc/GMT-3"' in ticking.json("check", at=NOW)["warnings"][0]
    )
    installed = ticking.run("install", at=NOW)
    assert named in installed.stdout + installed.stderr
    assert named in tick(ticking, "2026-02-03 13:05:01", "<+03>-3")
    ticking.configure(JOBS + "\n")
    assert tick(ticking, "2026-02-03 13:10:01", "<+03>-3") == ""
    assert (ticking.state / "scheduled.log").read_text().count(named) == 1

    crontab.write_text(crontab.read_text().replace("<+03>-3", "Etc/GMT-3"))
    assert named not in ticking.run("check", at="2026-02-03 10:12:00").stdout
