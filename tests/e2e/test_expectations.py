"""`expect` of a job in real ticks: what an attempt has to show, also if processes are killed, and until when it must succeed."""

import os
import signal
from pathlib import Path

import pytest

from tests.e2e.test_execution_keys import WAITS, ended, supervisor_of
from tests.fixtures.world import World

DAILY = """
    timezone = "UTC"
    [jobs.backup]
    cron = "0 3 * * *"
    command = "test -e {root}/good"
    expect = {{ {expect} }}
    """


def next_due(world: World, at: str) -> str:
    """Return when something is due after a tick *at*: the one before may have printed something, so that one is due at once."""
    world.run("run", at=at)
    return str(world.snapshot()["next_due"])


def keys(world: World, at: str) -> list[str]:
    return [found["key"] for found in world.json("incidents", at=at)]


def configure(world: World, expect: str) -> None:
    world.configure(DAILY.format(root=world.root, expect=expect))
    world.run("run", at="2026-12-01 01:00:00")


def test_a_backup_of_0_bytes_fails_and_is_repeated(world: World) -> None:
    dump = world.root / "dump"
    world.configure(f"""
        [jobs.backup]
        on = "go"
        command = "test $SCHEDULED_ATTEMPT = 1 && : > {dump} || echo data > {dump}"
        expect = {{ fresh = "{dump}" }}
        retry = {{ max_attempts = 2, delay = 0, retry_on = ["unexpected"] }}
        """)
    world.run("emit", "go")
    world.run("run")

    assert [run["attempt"] for run in world.json("history")] == [2]
    assert ended(world) == [("success", 0, None)]


def test_a_path_begins_at_home_or_in_the_directory_of_the_job(world: World) -> None:
    home, work = Path(os.environ["HOME"]), world.root / "work"
    work.mkdir()
    world.configure(f"""
        [jobs.home]
        command = "echo > {home}/file"
        expect = {{ fresh = "~/[f]*" }}
        [jobs.work]
        cwd = "{work}"
        for_each = ["a"]
        command = "echo > a"
        expect = {{ fresh = "{{target}}" }}
        """)
    for name in ("home", "work@a"):
        world.run("run", name)

    assert [(run["job"], run["status"]) for run in world.json("history")] == [
        ("work", "success"),
        ("home", "success"),
    ]


def test_the_kind_of_failure_is_recorded_and_the_reason_names_it(world: World) -> None:
    world.configure('[jobs.job]\ncommand = "true"\nexpect = { output = "saved" }\n')
    done = world.run("run", "job")

    reason = 'expected output that matches "saved"'
    assert done.returncode == 1
    assert ended(world) == [("failed", 0, reason)]
    assert world.sql("SELECT class FROM attempts") == [("unexpected",)]
    assert reason in world.run("status").stdout


@pytest.mark.parametrize("step", ["command", "expect"])
def test_a_killed_runner_changes_nothing(world: World, until, step: str) -> None:
    waits = WAITS.format(root=world.root, name="started")
    command, check = (waits, "true") if step == "command" else ("true", waits)
    world.configure(f"""
        [jobs.job]
        on = "go"
        command = "{command}; echo ran >> {world.root}/ran"
        expect = {{ command = "{check}" }}
        """)
    world.run("emit", "go")
    runner = world.start("run")
    until((world.root / "started").exists)
    runner.kill()
    runner.wait()
    assert world.run("run").returncode == 0  # it still runs
    (world.root / "go").touch()
    until(lambda: world.run("run").returncode == 0 and ended(world) and ended(world)[0][0] != "running")

    assert ended(world) == [("success", 0, None)]
    assert (world.root / "ran").read_text() == "ran\n"
    assert world.json("audit")["problems"] == []


def test_what_was_not_checked_is_no_success_if_the_supervisor_is_killed(world: World, until) -> None:
    waits = WAITS.format(root=world.root, name="started")
    world.configure(f"""
        [jobs.job]
        on = "go"
        command = "echo $SCHEDULED_ATTEMPT >> {world.root}/ran"
        expect = {{ command = "{waits}" }}
        post = "echo post $SCHEDULED_STATUS"
        """)
    world.run("emit", "go")
    runner = world.start("run")
    until((world.root / "started").exists)
    results = next((world.state / "results").glob("*.jsonl"))
    until(lambda: results.read_bytes().count(b"started") >= 2)
    os.kill(supervisor_of(world, runner.pid), signal.SIGKILL)
    runner.kill()
    runner.wait()
    world.run("run")
    assert ended(world)[0][0] == "running"  # the check holds the lock of the run
    (world.root / "go").touch()
    until(lambda: world.run("run").returncode == 0 and ended(world)[0][0] == "success")

    assert (world.root / "ran").read_text() == "1\n2\n"
    assert world.sql("SELECT status FROM attempts ORDER BY attempt") == [("interrupted",), ("success",)]
    assert world.json("audit")["problems"] == []


@pytest.mark.parametrize(("choice", "status"), [("skip", "skipped"), ("rerun", "success")])
def test_what_was_not_searched_is_no_success_if_everything_is_killed(
    world: World, until, choice: str, status: str
) -> None:
    slow = "a" * 40
    world.configure(f"""
        [jobs.job]
        on = "go"
        command = "test $SCHEDULED_ATTEMPT = 2 && echo saved || printf {slow}!; echo x > {world.root}/started"
        expect = {{ output = "saved|(a+)+$", fresh = "{world.root}/started" }}
        on_interrupted = "{choice}"
        """)
    world.run("emit", "go")
    runner = world.start("run")
    until((world.root / "started").exists)
    world.kill_all(runner)  # also the search
    until(lambda: world.run("run").returncode == 0 and ended(world)[0][0] not in ("running", "claimed"))

    assert ended(world)[0][0] == status
    assert world.sql("SELECT status FROM attempts ORDER BY attempt")[0] == ("interrupted",)


def test_an_idle_tick_does_not_sleep_through_the_deadline(world: World) -> None:
    configure(world, 'by = "09:00"')
    assert next_due(world, "2026-12-01 01:00:01") == "2026-12-01T03:00:00+00:00"
    world.run("run", at="2026-12-01 03:00:00")
    assert next_due(world, "2026-12-01 03:05:00") == "2026-12-01T09:00:00+00:00"
    assert keys(world, "2026-12-01 08:59:59") == ["job:backup"]

    assert world.run("run", at="2026-12-01 08:59:00").stdout == ""
    done = world.run("run", at="2026-12-01 09:00:00")

    text = "backup: has not succeeded for its slot of 2026-12-01 03:00, expected by 2026-12-01 09:00"
    assert done.stderr == ""  # it follows from the failure, which was printed
    assert keys(world, "2026-12-01 09:01:00") == ["job:backup", "late:backup"]
    assert next_due(world, "2026-12-01 09:05:00") == "2026-12-02T03:00:00+00:00"
    assert world.json("explain", "backup", at="2026-12-01 09:01:00")["unmet"] == [
        f"{text} (scheduled explain backup)"
    ]
    assert any(text in found for found in world.json("status", at="2026-12-01 09:01:00")["problems"])


def test_a_success_ends_it_and_no_tick_comes_in_between(world: World) -> None:
    configure(world, 'by = "09:00"')
    world.run("run", at="2026-12-01 09:00:00")
    assert keys(world, "2026-12-01 09:00:01") == ["job:backup", "late:backup"]
    (world.root / "good").touch()
    world.run("run", "backup", at="2026-12-01 10:00:00")

    assert keys(world, "2026-12-01 10:00:01") == []
    assert next_due(world, "2026-12-01 10:05:00") == "2026-12-02T03:00:00+00:00"


def test_after_an_outage_it_is_named_only_if_it_is_true_then(world: World) -> None:
    configure(world, 'by = "09:00", within = "2d"')
    (world.root / "good").touch()
    world.run("run", at="2026-12-05 12:00:00")  # the slot of this morning runs now

    assert keys(world, "2026-12-05 12:00:01") == []


@pytest.mark.parametrize("words", [["pause", "backup"], ["disable", "backup"]])
def test_a_job_that_is_paused_or_disabled_expects_nothing(world: World, words: list[str]) -> None:
    configure(world, 'by = "09:00", within = "1h"')
    world.run("run", at="2026-12-01 09:00:00")
    world.run(*words, at="2026-12-01 09:01:00")
    world.run("run", at="2026-12-01 09:02:00")

    assert "late:backup" not in keys(world, "2026-12-01 09:03:00")


def test_a_slot_that_a_person_skipped_is_not_expected(world: World) -> None:
    configure(world, 'by = "09:00"')
    world.run("skip", "backup", "--for", "2026-12-01T03:00", at="2026-12-01 02:00:00")
    world.run("run", at="2026-12-01 09:00:00")

    assert keys(world, "2026-12-01 09:00:01") == []


def test_too_long_since_the_last_success(world: World) -> None:
    (world.root / "good").touch()
    configure(world, 'within = "1d12h"')
    world.run("run", at="2026-12-01 03:00:00")
    (world.root / "good").unlink()
    world.run("run", at="2026-12-02 03:00:00")
    due = next_due(world, "2026-12-02 03:05:00")
    done = world.run("run", at="2026-12-02 15:00:30")

    assert due.startswith("2026-12-02T15:00:0")
    assert done.stderr == ""  # it follows from the failure, which was printed
    (late,) = [item for item in world.json("incidents", at="2026-12-02 15:01:00") if item["kind"] == "late"]
    assert "backup: has not succeeded since 2026-12-01 03:00, expected within 1d12h" in late["text"]
    assert late["caused_by"] == "job:backup"


def test_a_job_that_never_succeeded_counts_from_when_it_came_into_force(world: World) -> None:
    configure(world, 'within = "1h"')
    assert next_due(world, "2026-12-01 01:00:01") == "2026-12-01T01:59:59+00:00"
    world.run("run", at="2026-12-01 02:00:00")

    assert keys(world, "2026-12-01 02:00:01") == ["late:backup"]


def test_a_run_that_takes_too_long_is_named_while_it_runs(world: World, until) -> None:
    waits = WAITS.format(root=world.root, name="started")
    world.configure(f"""
        [jobs.job]
        on = "go"
        command = "{waits}"
        expect = {{ duration = "1s" }}
        """)
    world.run("emit", "go")
    world.start("run")
    until((world.root / "started").exists)
    until(lambda: "is under way since" in world.run("run").stdout + world.run("status").stdout)
    (world.root / "go").touch()
    until(lambda: ended(world)[0][0] == "success")
    world.run("run")

    (problem,) = [found["text"] for found in world.json("incidents")]
    assert problem.startswith("job: its last success took ")
    assert problem.endswith("expected at most 1s (scheduled logs job)")


def test_a_configuration_without_it_imports_nothing_of_it(world: World) -> None:
    world.configure('[jobs.a]\ncron = "* * * * *"\ncommand = "true"\n')
    done = world.run("run", env={**os.environ, "PYTHONPROFILEIMPORTTIME": "1"})

    assert "scheduled.engine.tick" in done.stderr
    assert not any("expect" in line.rpartition("|")[2] for line in done.stderr.splitlines())
