"""Each attempt of a run is a row of its own in the ledger, with an output of its own."""


def test_what_each_attempt_printed_stays_beside_what_the_others_did(world):
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

    rows = world.sql("SELECT run_id, attempt, status, output FROM attempts ORDER BY attempt")
    assert (done.returncode, [row[1:3] for row in rows]) == (
        0,
        [(1, "failed"), (2, "failed"), (3, "success")],
    )
    assert {run_id for run_id, *_ in rows} == {world.json("history")[0]["run_id"]}
    assert [(world.state / output).read_text() for *_, output in rows] == [
        f"this is try {number}\n" for number in (1, 2, 3)
    ]


def test_an_attempt_that_printed_nothing_has_no_output(world):
    world.configure('timezone = "UTC"\n[jobs.quiet]\ncommand = "true"\n')

    world.run("run", "quiet")

    assert world.sql("SELECT status, output FROM attempts") == [("success", None)]
