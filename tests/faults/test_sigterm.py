"""SIGTERM at any call of a tick's supervisor: every run gets a record, so that the tick ends."""

import pytest

KINDS = ("write", "sync")


@pytest.fixture
def queued(world):
    """A world with a run under way and two in the queue."""
    world.configure("""
        max_parallel = 1
        [jobs.a]
        cron = "* * * * *"
        command = "sleep 0.2"
        [jobs.b]
        cron = "* * * * *"
        command = "true"
        [jobs.c]
        cron = "* * * * *"
        command = "true"
    """)
    return world


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("nth", [1, 2, 3])
def test_no_record_of_a_run_is_lost_when_the_supervisor_is_stopped(queued, points, kind, nth):
    chosen = points(queued.root / "counters")
    aim = {"role": "supervisor", "kind": kind, "nth": nth, "only": ".jsonl", "signal": "SIGTERM"}

    stopped = queued.run("run", env=chosen.environment(**aim))
    done = queued.run("run")

    # On a busy machine two records share the last write and sync.
    assert (chosen.met() or nth == 3, stopped.returncode in (0, 1), done.returncode) == (True, True, 0)
    statuses = {row["job"]: row["status"] for row in queued.json("history")}
    assert statuses.keys() == {"a", "b", "c"}
