"""Two runs of one job that are due at the same tick: what is predicted, and what happens."""

import pytest

MORNING = "2026-03-02"


@pytest.mark.system
def test_of_two_retries_of_a_job_a_tick_starts_one_and_the_predictions_show_it(world):
    world.configure(f"""
        timezone = "UTC"
        [jobs.job]
        cron = "0 9 * * *"
        command = "test -e {world.root}/ok"
        retry = {{max_attempts = 3, delay = "5m"}}
        [jobs.all]
        chain = ["job"]
    """)
    world.run("run", at=f"{MORNING} 08:58:00")
    world.run("run", at=f"{MORNING} 09:01:00")
    world.run("run", "all", at=f"{MORNING} 09:01:05")
    (world.root / "ok").touch()
    slot = f"{MORNING}T09:00:00+00:00"

    upcoming = world.json("next", "job", "-n", "2", at=f"{MORNING} 09:08:00")
    dry = world.json("run", "--dry-run", at=f"{MORNING} 09:08:00")
    world.run("run", at=f"{MORNING} 09:08:00")
    runs = [run for run in world.json("history", "job") if run["attempt"] == 2]

    assert [(row["scheduled_for"], row["runs_at"][11:16]) for row in upcoming] == [
        (slot, "09:10"),
        (None, "09:15"),
    ]
    assert [(row.get("scheduled_for"), row.get("open_reason")) for row in dry] == [
        (slot, None),
        (None, "queued"),
    ]
    assert [run["scheduled_for"] for run in runs] == [slot]
    # If the first one failed, the second one would start in the same tick.
    assert [row.get("assumed") for row in upcoming] == [["cadence"], ["cadence", "success"]]
    assert [row.get("assumed") for row in dry] == [None, ["success"]]
    assert "if the run above succeeds" in dry[1]["reason"]


@pytest.mark.system
def test_a_chain_names_for_what_its_step_waits_and_a_run_without_a_slot_has_none(world):
    world.configure("""
        timezone = "UTC"
        [jobs.job]
        command = "exit 75"
        [jobs.all]
        chain = ["job"]
    """)
    world.run("run", "all", at=f"{MORNING} 09:01:05")

    explained = world.json("explain", "all", at=f"{MORNING} 09:02:00")["sentence"]
    upcoming = world.json("next", "job", at=f"{MORNING} 09:02:00")
    predicted = world.json(
        "forecast", "--from", f"{MORNING}T09:02", "--to", f"{MORNING}T10:00", at=f"{MORNING} 09:02:00"
    )
    world.run("disable", "job", at=f"{MORNING} 09:03:00")
    disabled = world.json("explain", "all", at=f"{MORNING} 09:03:00")["sentence"]

    assert explained.startswith("It waits in step 1 of 1: job-")
    assert explained.endswith("exit code 75 (not now); the next attempt is due at 2026-03-02 09:06.")
    rows = [(row["job"], row["scheduled_for"], row["runs_at"][11:16]) for row in [*upcoming, *predicted]]
    assert rows == [("job", None, "09:10")] * 2
    assert disabled == "It waits in step 1 of 1: job is disabled; the next tick counts it as failed."


@pytest.mark.system
def test_status_shows_no_pause_that_has_ended_since_the_last_tick(world):
    world.configure("""
        timezone = "UTC"
        [jobs.job]
        cron = "0 * * * *"
        command = "true"
    """)
    world.run("run", at=f"{MORNING} 08:50:00")
    world.run("pause", "job", at=f"{MORNING} 08:50:10")
    world.run("run", at=f"{MORNING} 09:00:05")
    before = world.json("status", at=f"{MORNING} 09:01:00")["jobs"][0]["open_reason"]
    world.run("resume", "job", at=f"{MORNING} 09:01:10")

    found = world.json("status", at=f"{MORNING} 09:02:00")["jobs"][0]

    assert (before, found["open_reason"], found["next_run"][11:16]) == ("paused", None, "09:05")


@pytest.mark.system
def test_a_slot_that_had_no_turn_is_due_and_no_executor_is_missing(world):
    world.configure(
        'timezone = "UTC"\n[jobs.a]\ncron = "0 * * * *"\ncommand = "true"\n[jobs.b]\ncommand = "true"\n'
    )
    world.run("run", at=f"{MORNING} 08:55:00")
    world.run("skip", "a", at=f"{MORNING} 09:01:00")
    world.run("skip", "a", "--undo", at=f"{MORNING} 09:02:00")
    undone = world.json("explain", "a", at=f"{MORNING} 09:02:30")
    world.run("run", "b", at=f"{MORNING} 09:03:00")
    beside = world.json("explain", "a", at=f"{MORNING} 09:03:30")

    assert (undone["open_reason"], beside["open_reason"]) == ("due", None)
    for found in (undone, beside):
        assert found["sentence"].endswith(f"It is due: its slot of {MORNING} 09:00 runs at the next tick.")


@pytest.mark.system
def test_the_output_of_a_chain_is_that_of_its_steps(world):
    world.configure("[jobs.a]\ncommand = 'true'\n[jobs.all]\nchain = ['a']\n")
    world.run("run", "all")
    (run,) = (run for run in world.json("history") if run["job"] == "all")

    shown = world.run("logs", "all")

    assert f"{run['run_id']} is a chain, and only its steps print" in shown.stdout + shown.stderr
    assert (shown.stdout + shown.stderr).count(f"`scheduled show {run['run_id']}`") == 1
