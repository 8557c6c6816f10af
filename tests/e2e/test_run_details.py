"""One run in full: the output of each attempt, its result, the steps of a chain."""

import pytest

RETRIED = """
timezone = "UTC"
[jobs.often]
cron = "* * * * *"
command = "echo try >> tries; echo this is try $(wc -l < tries); [ $(wc -l < tries) = 3 ]"
cwd = "{root}"
retry = {{ max_attempts = 3, delay = "1s", jitter = 0 }}
"""
CHAIN = """
timezone = "UTC"
[jobs.fetch]
command = "echo fetched"
[jobs.parse]
command = "exit 3"
[jobs.publish]
command = "echo published"
[jobs.nightly]
chain = ["fetch", ["parse"], "publish"]
"""


@pytest.fixture
def retried(world):
    """The run id of a run with three attempts."""
    world.configure(RETRIED.format(root=world.root))
    world.run("run")
    return world.json("history")[0]["run_id"]


def test_the_output_of_every_attempt_can_be_read(world, retried):
    printed = [world.run("logs", retried, "--attempt", number).stdout for number in "123"]
    of_job = world.json("logs", "often", "--attempt", "2")

    assert printed == [f"this is try {number}\n" for number in (1, 2, 3)]
    assert (of_job["run_id"], of_job["attempt"], of_job["output"]) == (retried, 2, "this is try 2\n")


def test_an_attempt_that_does_not_exist_is_refused_with_those_that_do(world, retried):
    done = world.run("logs", retried, "--attempt", "4")

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"scheduled: {retried}: no attempt 4; the run has attempts 1 to 3\n"


def test_show_has_the_attempts_of_a_run(world, retried):
    shown, document = world.run("show", retried).stdout, world.json("show", retried)

    assert [(one["attempt"], one["status"], one["exit_code"]) for one in document["attempts"]] == [
        (1, "failed", 1),
        (2, "failed", 1),
        (3, "success", 0),
    ]
    assert "failed: exit code 1" in shown and f"scheduled logs {retried}" in shown


def test_show_has_the_result_of_a_handler(world, sample):
    world.configure(f'timezone = "UTC"\nworkspace = "{sample.root}"\n[jobs.health]\nhandler = "health"\n')
    world.run("run", "health")
    run_id = world.json("history")[0]["run_id"]

    shown, document = world.run("show", run_id).stdout, world.json("show", run_id)

    assert document["result"]["branches"] > 0
    assert f"branches: {document['result']['branches']}\n" in shown


def test_the_output_of_a_sweep_has_the_reason_of_every_error_and_its_mailbox(world, sample):
    sample.inbox("FLOW").write_text("{ torn")
    world.configure(
        f'timezone = "UTC"\nworkspace = "{sample.root}"\n[jobs.sweep]\nhandler = "mail_cleanup"\n'
    )
    world.run("run", "sweep")
    [run] = world.json("history")

    assert run["result"]["errors"] == 1
    [reason] = run["result"]["problems"]
    assert str(sample.inbox("FLOW")) in reason and "cannot be parsed" in reason
    assert world.run("logs", "sweep").stdout == f"{reason}\n"


def test_a_chain_shows_its_steps_with_their_runs_and_its_history_has_them_as_result(world):
    world.configure(CHAIN)
    world.run("run", "nightly")
    row = world.json("history", "nightly")[0]

    document, shown = world.json("show", row["run_id"]), world.run("show", row["run_id"]).stdout
    steps = document["steps"]

    assert [[(run["job"], run["status"], run["reason"]) for run in step] for step in steps] == [
        [("fetch", "success", None)],
        [("parse", "failed", "exit code 3")],
        [("publish", None, None)],
    ]
    assert row["result"] == document["result"] == {"steps": steps}
    assert world.json("show", steps[0][0]["run_id"])["parent"] == row["run_id"]
    assert "2  parse  failed: exit code 3" in shown and "3  publish  not started" in shown
    assert f"scheduled show {row['run_id']}" in world.run("logs", "nightly").stderr
