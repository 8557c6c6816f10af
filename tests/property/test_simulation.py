"""Ten years of ticks with everything that happens to a machine, and shorter histories in which more happens.

Each seed is one history. `SIMULATION_SEED=N SIMULATION_YEARS=Y pytest tests/property/test_simulation.py` tells one
again, as it was told when it failed.
"""

import os

import pytest

from tests.fixtures.seed import seed
from tests.property.simulator import Simulation

AGAIN = os.environ.get("SIMULATION_SEED")
LONG = seed("SIMULATION_SEED")
YEARS = float(os.environ.get("SIMULATION_YEARS", "10"))
FIXED = (1, 2, 3, 4)  # each of them has found a fault


def live(seed, years, directory, patch, **how):
    """Live through a history; say how to tell it again where something is wrong in it."""
    simulation = Simulation(seed, directory, patch, **how)
    try:
        simulation.run(years)
    except BaseException:
        print(*simulation.machine.diary, sep="\n")
        raise
    finally:
        print(f"seed {seed}: {simulation.summary()}")
        simulation.ledger.end()
    return simulation


@pytest.mark.timeout(600)
def test_ten_years_in_which_every_slot_is_accounted_for(tmp_path, monkeypatch):
    print(f"SIMULATION_SEED={LONG} SIMULATION_YEARS={YEARS}")

    simulation = live(LONG, YEARS, tmp_path, monkeypatch, jobs=4, trouble=4.0)

    # It is no proof that nothing is wrong where nothing happens.
    assert simulation.oracle.slots > 300 * YEARS
    assert simulation.machine.deaths > 2 * YEARS
    assert sum(simulation.oracle.punctual.values()) > 100 * YEARS


@pytest.mark.skipif(AGAIN is not None, reason="one history is told again")
@pytest.mark.parametrize("seed", FIXED)
def test_half_a_year_of_trouble(seed, tmp_path, monkeypatch):
    live(seed, 0.5, tmp_path, monkeypatch, jobs=9, trouble=15.0)


def test_a_seed_tells_the_same_history_twice(tmp_path, monkeypatch):
    diaries = []
    for name in ("once", "twice"):
        (tmp_path / name).mkdir()
        with monkeypatch.context() as patch:
            diaries.append(list(live(LONG, 0.1, tmp_path / name, patch, jobs=9).machine.diary))

    assert diaries[0] == diaries[1]
