"""Jobs log their own starts and ends while everything around them is killed, stopped, edited, damaged and set back.

After each random step, in the middle of ticks, `audit` agrees with this log. `WITNESS_SEED=N` repeats a run, and with
SCHEDULED_NIGHTLY=1 the runs are long and have random seeds.
"""

import pytest

from tests.fixtures import witness_world
from tests.fixtures.in_process_cli import NIGHTLY
from tests.fixtures.seed import seed
from tests.fixtures.witness_world import WitnessWorld, chance_of

SEED = seed("WITNESS_SEED")
RUNS, STEPS = (20, 300) if NIGHTLY else (1, 25)
needs_faketime = pytest.mark.skipif(
    witness_world.FAKETIME is None, reason="NOT RUN: needs Debian's package faketime"
)


@pytest.mark.timeout(14400 if NIGHTLY else 600)
@pytest.mark.parametrize(
    "clock", [False, pytest.param(True, marks=[pytest.mark.system, needs_faketime])], ids=["steady", "set"]
)
@pytest.mark.parametrize("number", range(RUNS))
def test_the_audit_agrees_with_the_log_of_the_jobs(tmp_path, until, number, clock):
    world = WitnessWorld(tmp_path / "world", chance_of(f"{SEED} {number}"), clock=clock)
    try:
        world.begin("run").wait(timeout=100)
        for _ in range(STEPS):
            world.step(until)
            agree(world)
        finish(world, until)
    finally:
        world.resume()
        world.kill_leftovers()
        world.output.close()


def agree(world):
    found = world.differences()
    assert found == [], (f"WITNESS_SEED={SEED}", world.steps, found)


def finish(world, until):
    """Let everything end, and check the log, the ledger and the messages."""
    for _ in range(3):
        world.quiet(until)
        world.begin("run").wait(timeout=100)
    world.quiet(until)
    agree(world)
    assert world.wrongs() + world.messages() == [], (f"WITNESS_SEED={SEED}", world.steps)
