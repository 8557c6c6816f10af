"""Each attempt of a run has its own row in the ledger and its own output."""

import pytest

from scheduled.paths import Paths


def test_the_output_of_each_attempt_is_kept_separately(world):
    world.configure(
        f"""
        timezone = "UTC"
        [jobs.often]
        cron = "* * * * *"
        command = "echo try >> tries; echo this is try $(wc -l < tries); [ $(wc -l < tries) = 3 ]"
        cwd = "{world.root}"
        [jobs.often.retry]
        max_attempts = 3
        delay = "1s"
        jitter = 0
        """
    )

    done = world.run("run")

    rows = world.sql("SELECT run_id, attempt, status, printed FROM attempts ORDER BY attempt")
    assert (done.returncode, [row[1:3] for row in rows]) == (
        0,
        [(1, "failed"), (2, "failed"), (3, "success")],
    )
    assert {run_id for run_id, *_ in rows} == {world.json("history")[0]["run_id"]}
    assert [
        (printed, Paths(world.state).output_of(run_id, number).read_text())
        for run_id, number, _, printed in rows
    ] == [(1, f"this is try {number}\n") for number in (1, 2, 3)]


def test_an_attempt_without_output_has_no_output_file(world):
    world.configure('timezone = "UTC"\n[jobs.quiet]\ncommand = "true"\n')

    world.run("run", "quiet")

    assert world.sql("SELECT status, printed FROM attempts") == [("success", 0)]
    assert not list(world.state.glob("output/**/*.log"))


def test_the_history_contains_the_report_of_a_handler(world, sample):
    world.configure(f'timezone = "UTC"\nworkspace = "{sample.root}"\n[jobs.health]\nhandler = "health"\n')

    world.run("run", "health")

    (run,) = world.json("history")
    assert run["result"]["healthy"] > 0


def test_the_id_of_an_event_run_is_unique_even_across_new_ledgers(world):
    world.configure('timezone = "UTC"\n[jobs.a]\non = "deploy"\ncommand = "true"\n')

    ids = []
    for minute in ("10:00", "10:05"):
        world.run("emit", "deploy", at=f"2026-11-20 {minute}:00")
        world.run("run", at=f"2026-11-20 {minute}:01")
        ids.append(world.json("history", at=f"2026-11-20 {minute}:02")[0]["run_id"])
        for path in world.state.glob("ledger.db*"):
            path.unlink()

    assert len(set(ids)) == len(ids)


def failing_for_ever(world, minutes):
    """Run ticks of a job that always fails and has retries that reach its next slot; return what they did."""
    world.configure(
        f"""
        timezone = "UTC"
        [jobs.sync]
        cron = "*/10 * * * *"
        command = "test -e {world.root}/works"
        retry = {{ max_attempts = 3, delay = "5m" }}
        [jobs.alarm]
        on = "job_failed"
        where = {{ job = "sync" }}
        command = "echo $SCHEDULED_EVENT >> {world.root}/alarms"
        """
    )
    return [world.run("run", at=f"2026-02-03 10:{minute:02}:05") for minute in minutes]


def test_a_job_that_fails_for_ever_is_reported_though_each_run_is_superseded(world):
    ticks = failing_for_ever(world, (0, 5, 10, 15, 20))

    text = "sync: failed: superseded by sync-20260203T10{}000Z: exit code 1 (scheduled logs sync)"
    assert [tick.returncode for tick in ticks] == [0, 0, 1, 0, 1]
    assert [tick.stderr.splitlines() for tick in ticks] == [[], [], [f"scheduled: {text.format(1)}"], [], []]
    assert (world.root / "alarms").read_text() == "job_failed\n" * 2
    status = world.run("status", at="2026-02-03 10:20:30")
    assert (status.returncode, status.stdout.splitlines()[0]) == (1, f"! {text.format(2)}")
    document = world.json("status", at="2026-02-03 10:20:31")
    assert (document["healthy"], document["stats"]["failed"]) == (False, 2)
    runs = world.json("history", "sync")
    assert [run["attempt"] for run in runs if run["status"] == "failed"] == [2, 2]
    assert [item["text"] for item in world.json("incidents")] == [text.format(2)]
    assert [run["slots"] for run in runs] == [3, 0, 0]
    assert world.json("audit")["slots"] == 3


def test_a_superseded_failure_counts_as_failed_until_a_success(world):
    failing_for_ever(world, (0, 5, 10))
    (world.root / "works").touch()
    before = world.json("status", at="2026-02-03 10:10:30")["healthy"]

    world.run("run", at="2026-02-03 10:15:05")

    assert (before, world.json("status", at="2026-02-03 10:15:30")["healthy"]) == (False, True)
    assert world.json("incidents") == []


@pytest.mark.parametrize(("retry_on", "attempts"), [('["network"]', 2), ('["auth", 3]', 1), ("[1]", 2)])
def test_only_the_failures_in_retry_on_are_retried(world, retry_on, attempts):
    world.configure(
        f"""
        timezone = "UTC"
        [jobs.sync]
        cron = "* * * * *"
        command = "echo 'ssh: connect to host a: Connection refused'; exit 1"
        retry = {{max_attempts = 2, delay = 1, retry_on = {retry_on}}}
        """
    )
    world.run("run")

    [run] = world.json("history")
    assert (run["attempt"], run["status"]) == (attempts, "failed")
    assert world.sql("SELECT class FROM attempts") == [("network",)] * attempts
