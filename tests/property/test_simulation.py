"""The whole runner but for its processes, driven through simulated time: outages, crashes, edits, clock steps.

Each seed is one history, told again exactly by `SIMULATION_SEED=N` (and `SIMULATION_YEARS`).
"""

import os
from pathlib import Path

import pytest

from tests.property.simulator import Simulation

SEEDS = [int(os.environ["SIMULATION_SEED"])] if "SIMULATION_SEED" in os.environ else [1, 2, 3, 4, 7]
YEARS = float(os.environ.get("SIMULATION_YEARS", "1"))


@pytest.mark.parametrize("seed", SEEDS)
def test_through_all_that_happens_every_slot_is_accounted_for(
    seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    print(f"SIMULATION_SEED={seed} SIMULATION_YEARS={YEARS}")

    simulation = Simulation(seed, tmp_path, monkeypatch)
    simulation.run(YEARS)

    assert simulation.ticks > 300 * YEARS
