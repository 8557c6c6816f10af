"""Predictions against what happens: the program answers at random instants of a simulated life, and is held to it.

Each seed gives one life. To repeat a failed life, run
`LIFE_SEED=N LIFE_DAYS=D pytest tests/property/test_predictions.py`.
"""

import os

import pytest

from tests.property.life.life import Life

DAYS = float(os.environ.get("LIFE_DAYS", "4"))
SEEDS = [int(os.environ["LIFE_SEED"])] if "LIFE_SEED" in os.environ else list(range(1, 13))
JOBS = int(os.environ.get("LIFE_JOBS", "0"))


def live(seed, directory, patch, **options):
    """Live one life and print its seed. If it fails, also print its last events."""
    life = Life(seed, directory, patch, **options)
    try:
        life.run(DAYS)
    except BaseException:
        print(life.config_file.read_text())
        print(*life.machine.diary, sep="\n")
        raise
    finally:
        print(
            f"seed {seed}: {life.ticks} ticks, {len(life.witness.claims)} claims, {len(life.answers.kept)} answers"
        )
        life.ledger.end()
    return life


@pytest.mark.parametrize("seed", SEEDS)
def test_what_the_program_predicts_is_what_happens(seed, tmp_path, monkeypatch):
    life = live(seed, tmp_path, monkeypatch, jobs=JOBS or 1 + seed % 6)

    print(life.answers.compared)
    assert sum(life.answers.compared.values()) > 20
