"""Ten simulated years with all disturbances of a real machine, and shorter histories with more disturbances.

Each seed gives one history. To repeat a failed history, run
`SIMULATION_SEED=N SIMULATION_YEARS=Y pytest tests/property/test_simulation.py`.
"""

import os

import pytest

from scheduled.core.approvals import NOT_IN_TIME
from tests.fixtures.in_process_cli import NIGHTLY
from tests.fixtures.seed import seed
from tests.property.simulator import Simulation

AGAIN = os.environ.get("SIMULATION_SEED")
LONG = seed("SIMULATION_SEED")
YEARS = float(os.environ.get("SIMULATION_YEARS", "10"))
FIXED = (1, 2, 3, 4)  # each of them has found a bug
FEATURED = (2, 8, 434) if AGAIN is None else (LONG,)
ASKING = (3, 4, 5) if AGAIN is None else (LONG,)


def simulate(seed, years, directory, patch, **options):
    """Run one history and print its seed. If it fails, also print its last events."""
    simulation = Simulation(seed, directory, patch, **options)
    try:
        simulation.run(years)
        simulation.reasons = {run.reason for run in simulation.ledger.history(limit=-1)}
        assert not any("no longer recorded" in reason for reason in simulation.reasons)
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

    simulation = simulate(LONG, YEARS, tmp_path, monkeypatch, jobs=4, disturbances=4.0)

    # A history in which little happens proves nothing.
    assert simulation.oracle.slots > 300 * YEARS
    assert simulation.machine.deaths > 2 * YEARS
    assert sum(simulation.oracle.punctual.values()) > 100 * YEARS


@pytest.mark.skipif(AGAIN is not None, reason="SIMULATION_SEED selects one history")
@pytest.mark.parametrize("seed", FIXED)
def test_half_a_year_with_many_disturbances(seed, tmp_path, monkeypatch):
    simulate(seed, 0.5, tmp_path, monkeypatch, jobs=9, disturbances=15.0)


@pytest.mark.parametrize("seed", FEATURED)
def test_a_season_with_targets_and_chains_and_edits(seed, tmp_path, monkeypatch):
    simulate(seed, 0.12, tmp_path, monkeypatch, jobs=1, disturbances=20.0, features=True)


@pytest.mark.parametrize("seed", ASKING)
def test_a_season_with_jobs_that_ask_for_approval(seed, tmp_path, monkeypatch):
    simulation = simulate(seed, 0.15, tmp_path, monkeypatch, jobs=2, disturbances=20.0, asking=True)

    assert NOT_IN_TIME in simulation.reasons
    started = {run_id.partition("-")[0] for run_id in simulation.oracle.attempts}
    assert started > {"deploy", "sign"}


@pytest.mark.skipif(not NIGHTLY, reason="SCHEDULED_NIGHTLY=1 selects it")
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("seed", [LONG, *range(1, 8)])
def test_ten_years_with_targets_and_chains_and_edits(seed, tmp_path, monkeypatch):
    simulate(seed, YEARS, tmp_path, monkeypatch, jobs=2, disturbances=4.0, features=True)


def test_a_seed_gives_the_same_history_twice(tmp_path, monkeypatch):
    diaries = []
    for name in ("once", "twice"):
        (tmp_path / name).mkdir()
        with monkeypatch.context() as patch:
            diaries.append(list(simulate(LONG, 0.1, tmp_path / name, patch, jobs=9).machine.diary))

    assert diaries[0] == diaries[1]
