"""A tick waits for its own retries only as long as they can start in it."""

import time


def test_a_tick_does_not_wait_for_a_retry_that_its_budget_holds_back(world):
    world.configure("""
        timezone = "UTC"
        [catch_up]
        max_runs = 1
        [jobs.failing]
        cron = "* * * * *"
        command = "exit 1"
        retry = {max_attempts = 2, delay = "1s"}
    """)

    began = time.monotonic()
    world.run("run")

    assert time.monotonic() - began < 20
    assert world.sql("SELECT attempt, status FROM runs") == [(1, "waiting_retry")]


def test_a_run_by_hand_does_not_wait_for_the_retry_of_another_tick(world, until):
    world.configure(f"""
        timezone = "UTC"
        [jobs.job]
        on = "go"
        command = "[ -e {world.root}/ready ]"
        retry = {{max_attempts = 2, delay = "55s"}}
    """)
    world.run("run")
    world.run("emit", "go")
    tick = world.start("run")
    until(lambda: world.sql("SELECT 1 FROM runs WHERE status = 'waiting_retry'"))

    (world.root / "ready").touch()
    done = world.run("run", "job", "--json")

    assert done.returncode == 0
    runs = world.sql("SELECT trigger, attempt, status FROM runs ORDER BY trigger")
    assert runs == [("event", 1, "waiting_retry"), ("manual", 1, "success")]
    assert tick.poll() is None, "the tick of the first attempt makes the second one"
