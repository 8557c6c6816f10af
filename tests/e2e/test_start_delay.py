"""`start_delay` in real ticks: the first tick of a boot starts nothing that the key holds back, and the idle check knows when."""

import json

FAR, OVER = "3650d", "1s"  # later and earlier than now, after the boot of any machine


def missed(world, delay):
    """Configure a job with a missed slot, and let the next tick be the first one of a boot."""
    world.configure(f"""
        timezone = "UTC"
        [jobs.job]
        cron = "0 0 1 * *"
        start_delay = "{delay}"
        command = "true"
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
    assert world.sql("SELECT open_reason FROM jobs") == [("jitter",)]
    assert "It waits: its `start_delay` lets it start at " in world.run("explain", "job").stdout
    (waits,) = json.loads(world.run("run", "--dry-run", "--json").stdout)
    assert waits["open_reason"] == "jitter"
    assert world.run("audit").returncode == 0


def test_a_run_by_hand_ignores_the_delay(world):
    missed(world, FAR)

    assert world.run("run", "job").returncode == 0

    assert world.sql("SELECT trigger, status FROM runs") == [("manual", "success")]


def test_it_starts_when_the_delay_is_over(world):
    missed(world, OVER)

    assert world.run("run").returncode == 0

    assert [status for (status,) in world.sql("SELECT status FROM runs")] == ["success"]
