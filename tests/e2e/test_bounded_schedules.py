"""`from = "end"`, `once_per` and several schedules in real ticks, across a clock change and an edit."""

import shutil

import pytest

pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(
        not shutil.which("faketime"), reason="SKIPPED LOUDLY: Debian's faketime is not installed"
    ),
]


def slots(world, job):
    return [row["scheduled_for"] for row in reversed(world.json("history", job))]


def test_an_interval_from_the_end_is_accounted_for_across_an_outage_and_an_edit(world):
    text = """
        timezone = "UTC"
        [jobs.x]
        every = "{}"
        from = "end"
        command = "true"
    """
    world.configure(text.format("1h"))
    for at in ("08:00:00", "09:05:00", "09:50:00", "15:00:00"):
        assert (
            world.run("run", at=f"2026-06-10 {at}", env={"TZ": "UTC", "PATH": "/usr/bin:/bin"}).returncode
            == 0
        )
    world.configure(text.format("2h"))
    for at in ("15:30:00", "16:30:00", "17:00:00"):
        assert (
            world.run("run", at=f"2026-06-10 {at}", env={"TZ": "UTC", "PATH": "/usr/bin:/bin"}).returncode
            == 0
        )

    assert [slot[11:16] for slot in slots(world, "x")] == ["09:00", "10:05", "17:00"]
    assert world.run("audit", at="2026-06-10 17:01:00").returncode == 0


def test_once_per_day_runs_once_in_each_day_that_has_a_tick_across_a_clock_change(world):
    world.configure("""
        timezone = "Europe/Berlin"
        [jobs.x]
        once_per = "day"
        between = ["02:30", "17:00"]
        command = "true"
    """)
    for at in (
        "27 12:00:00",
        "28 12:00:00",
        "28 16:00:00",
        "29 01:50:00",
        "29 18:00:00",
        "31 12:00:00",
        "31 12:05:00",
    ):
        done = world.run("run", at=f"2026-03-{at}", env={"TZ": "Europe/Berlin", "PATH": "/usr/bin:/bin"})
        assert done.returncode == 0

    assert slots(world, "x") == ["2026-03-28T02:30:00+01:00", "2026-03-31T02:30:00+02:00"]
    assert world.json("history", "x")[0]["slots"] == 3
    audit = world.run("audit", at="2026-03-31 12:06:00", env={"TZ": "Europe/Berlin", "PATH": "/usr/bin:/bin"})
    assert audit.returncode == 0


def test_a_pause_defers_all_expressions_of_a_job_and_resume_catches_up(world):
    world.configure("""
        timezone = "UTC"
        [jobs.x]
        cron = ["0 12 * * *", "30 17 * * *"]
        command = "true"
    """)
    utc = {"TZ": "UTC", "PATH": "/usr/bin:/bin"}
    world.run("run", at="2026-06-10 08:00:00", env=utc)
    world.run("pause", "x", at="2026-06-10 08:01:00", env=utc)
    world.run("run", at="2026-06-10 18:00:00", env=utc)
    assert slots(world, "x") == []
    world.run("resume", "x", at="2026-06-10 18:01:00", env=utc)
    world.run("run", at="2026-06-10 18:05:00", env=utc)

    (run,) = world.json("history", "x")
    assert (run["scheduled_for"], run["slots"]) == ("2026-06-10T17:30:00+00:00", 2)
