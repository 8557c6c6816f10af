"""With a configuration that cannot be read, runs are stopped and the ledger is readable, at each interface."""

import pytest

LONG = 'timezone = "UTC"\n[jobs.long]\ncommand = "echo begun; sleep 60"\n[jobs.chain]\nchain = ["long"]\n'


@pytest.fixture
def torn(world, until):
    """Return a function that starts a job, waits until it runs, and damages the configuration."""

    def start(job="long"):
        world.configure(LONG)
        runner = world.start("run", job)
        until(lambda: [run for run in world.json("history", "long") if run["status"] == "running"])
        run = world.json("history", job)[0]
        world.configure(LONG + "[torn\n")
        return runner, run["run_id"]

    return start


def status_of(world, run_id):
    return world.sql(f"SELECT status, reason FROM runs WHERE run_id = '{run_id}'")[0]


@pytest.mark.parametrize("job", ["long", "chain"])
def test_the_command_stops_a_run(world, torn, job):
    runner, run_id = torn(job)

    done = world.run("stop", run_id)
    runner.wait(timeout=30)

    assert done.returncode == 0 and f"{world.config}: Expected" in done.stderr
    assert status_of(world, run_id) == ("skipped", "stopped")


def test_a_run_that_waits_for_its_next_attempt_is_stopped(world):
    text = 'timezone = "UTC"\n[jobs.job]\ncommand = "false"\nevery = "1h"\nretry = { max_attempts = 2, delay = "1h" }\n'
    world.configure(text)
    world.run("run", at="-90m")
    world.run("run")
    [run] = world.json("history", "--status", "waiting_retry")
    world.configure(text + "[torn\n")

    done = world.run("stop", run["run_id"])
    world.configure(text)

    assert done.returncode == 0
    assert status_of(world, run["run_id"]) == ("skipped", "stopped")
    assert world.json("audit")["ok"]


def test_rest_stops_a_run(world, torn, connect):
    runner, run_id = torn()

    answer = connect().post(f"/api/runs/{run_id}/stop")
    runner.wait(timeout=30)

    assert (answer.status_code, answer.json()["run_id"]) == (200, run_id)
    assert status_of(world, run_id) == ("skipped", "stopped")


@pytest.mark.parametrize("page", ["run", "job"])
def test_the_button_of_a_page_stops_a_run(world, torn, connect, page):
    runner, run_id = torn()
    browser, button = connect("browser"), f"/runs/{run_id}/stop"

    shown = browser.get(f"/runs/{run_id}" if page == "run" else "/jobs/long").text
    answer = browser.post(button)
    runner.wait(timeout=30)

    assert f'action="{button}"' in shown and answer.status_code == 303
    assert status_of(world, run_id) == ("skipped", "stopped")
    assert browser.get(f"/runs/{run_id}").status_code == 200
