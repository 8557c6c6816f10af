"""`start_delay` in real ticks: the first tick of a boot starts nothing that the key holds back, and the idle check knows when."""

import json

FAR, OVER = "3650d", "1s"  # later and earlier than now, after the boot of any machine


def missed(world, delay, more=""):
    """Configure a job with a missed slot, and let the next tick be the first one of a boot; *more* is in its table."""
    world.configure(f"""
        timezone = "UTC"
        [jobs.job]
        cron = "0 0 1 * *"
        start_delay = "{delay}"
        command = "true"
        {more}
    """)
    assert world.run("run").returncode == 0
    month = 32 * 86400
    world.sql(f"UPDATE jobs SET position = position - {month}")
    world.sql(f"UPDATE epochs SET starts_at = starts_at - {month}")
    world.sql("UPDATE meta SET value = 'earlier' || value WHERE key IN ('boot', 'first_tick')")


def test_a_missed_slot_waits_for_the_delay_and_explain_names_it(world):
    missed(world, FAR)

    assert world.run("run").returncode == 0

    assert world.sql("SELECT run_id FROM runs") == []
    assert world.sql("SELECT open_reason FROM jobs") == [("start_delay",)]
    assert "(its `start_delay`; the machine was booted at " in world.run("explain", "job").stdout
    (waits,) = json.loads(world.run("run", "--dry-run", "--json").stdout)
    assert waits["open_reason"] == "start_delay"
    until = waits["until"][:16].replace("T", " ")
    assert f"waits: start_delay until {until}" in world.run("run", "--dry-run").stdout
    due = json.loads(world.run("status", "--json").stdout)["jobs"][0]["next_run"]
    assert f"{due[:16].replace('T', ' ')} (start_delay)" in world.run("status").stdout
    assert world.run("audit").returncode == 0


def test_explain_and_next_name_the_newer_slot_that_covers_a_held_one(world):
    missed(world, FAR)
    assert world.run("run").returncode == 0

    slots = json.loads(world.run("next", "job", "-n", "2", "--json").stdout)

    assert [slot["reason"] for slot in slots] == ["coalesced", None]
    assert slots[0]["scheduled_for"] < slots[0]["runs_at"] == slots[1]["scheduled_for"]
    then = f"the newer slot of {slots[1]['scheduled_for'][:10]} 00:00 covers it."
    assert then in world.run("explain", "job").stdout


def test_explain_names_the_grace_that_ends_before_the_delay(world):
    missed(world, FAR, 'grace = "100d"')
    assert world.run("run").returncode == 0

    found = world.run("explain", "job").stdout

    runs_at = json.loads(world.run("next", "job", "-n", "1", "--json").stdout)[0]["runs_at"]
    assert f"It will run at {runs_at[:10]} 00:0" in found
    assert ", which is too late for its `grace` (its `start_delay`; the machine was booted at " in found


def test_a_run_by_hand_ignores_the_delay(world):
    missed(world, FAR)

    assert world.run("run", "job").returncode == 0

    assert world.sql("SELECT trigger, status FROM runs") == [("manual", "success")]


def test_it_starts_when_the_delay_is_over(world):
    missed(world, OVER)

    assert world.run("run").returncode == 0

    assert [status for (status,) in world.sql("SELECT status FROM runs")] == ["success"]
