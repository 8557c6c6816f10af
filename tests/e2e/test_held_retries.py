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
