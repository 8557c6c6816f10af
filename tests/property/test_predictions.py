"""Predictions against what happens: the program answers at random instants of a simulated life, and is held to it.

Each seed gives one life. To repeat a failed life, run
`LIFE_SEED=N LIFE_DAYS=D pytest tests/property/test_predictions.py`. What an answer assumes is in `life/assumptions.py`.
"""

import os

import pytest

from tests.fixtures.seed import BY_DAY, seed
from tests.property.life.life import Life

DAYS = float(os.environ.get("LIFE_DAYS", "4"))
FIXED = (3, 5, 6, 7, 16, 21, 23, 29, 33, 35)  # each of them has found a fault
DRAWN = seed("LIFE_SEED")  # another one each night
SEEDS = [DRAWN] if "LIFE_SEED" in os.environ else [*FIXED, *([DRAWN] if DRAWN != BY_DAY else [])]
FEATURED = [DRAWN] if "LIFE_SEED" in os.environ else [2, 4, 10]
ASKING = [DRAWN] if "LIFE_SEED" in os.environ else [1, 2, 5]
KINDS = [DRAWN] if "LIFE_SEED" in os.environ else [1, 3, 6, 7, *([DRAWN] if DRAWN != BY_DAY else [])]
TRAVELS = [DRAWN] if "LIFE_SEED" in os.environ else [*range(1, 7), *([DRAWN] if DRAWN != BY_DAY else [])]


def live(seed, directory, patch, days=DAYS, **how):
    """Live one life and print its seed. If it fails, also print its configuration and its last events."""
    life = Life(seed, directory, patch, jobs=1 + seed % 6, **how)
    try:
        life.run(days)
    except BaseException:
        print(life.config_file.read_text(), *life.machine.diary, sep="\n")
        raise
    finally:
        print(
            f"seed {seed}: {life.ticks} ticks, {len(life.witness.claims)} claims, {len(life.answers.kept)} answers"
        )
        life.ledger.end()
    return life


@pytest.mark.parametrize("seed", SEEDS)
def test_what_the_program_predicts_happens_and_nothing_fails_in_silence(seed, tmp_path, monkeypatch):
    life = live(seed, tmp_path, monkeypatch)

    print(life.answers.compared, life.silence.checked, life.silence.green)
    # A life in which nothing can be compared proves nothing.
    assert sum(life.answers.compared.values()) > 20 * DAYS
    assert life.silence.checked > 0


@pytest.mark.parametrize("seed", TRAVELS)
def test_what_the_program_predicts_happens_while_the_host_changes_its_time_zone(seed, tmp_path, monkeypatch):
    life = live(seed, tmp_path, monkeypatch, travels=True)

    assert life.moves > 0
    assert sum(life.answers.compared.values()) > 10 * DAYS


@pytest.mark.parametrize("seed", FEATURED)
def test_what_the_program_predicts_for_targets_and_for_chains_in_chains_happens(seed, tmp_path, monkeypatch):
    life = live(seed, tmp_path, monkeypatch, days=DAYS / 4, features=True)

    assert sum(life.answers.compared.values()) > 5 * DAYS


@pytest.mark.parametrize("seed", KINDS)
def test_what_the_program_predicts_for_slots_that_depend_on_earlier_runs_happens(seed, tmp_path, monkeypatch):
    life = live(seed, tmp_path, monkeypatch, days=DAYS / 2, kinds=True)

    assert sum(life.answers.compared.values()) > 10 * DAYS


@pytest.mark.parametrize("seed", ASKING)
def test_what_the_program_predicts_for_jobs_that_ask_for_approval_happens(seed, tmp_path, monkeypatch):
    life = live(seed, tmp_path, monkeypatch, days=DAYS / 2, asking=True)

    assert sum(life.answers.compared.values()) > 2 * DAYS
    assert any(event.name == "approval_requested" for _, event in life.witness.events)


@pytest.mark.parametrize("seed", TRAVELS)
def test_the_retries_that_a_waiting_tick_makes_itself_are_predicted_for_their_instants(
    seed, tmp_path, monkeypatch
):
    life = live(seed, tmp_path, monkeypatch, days=DAYS / 2, curious=True)

    made = [claim for claim in life.witness.claims if claim.attempt > 1 and claim.at > claim.tick + 1]
    assert made
    assert life.asked_of_retries > 0
    assert sum(life.answers.compared.values()) > 10 * DAYS
