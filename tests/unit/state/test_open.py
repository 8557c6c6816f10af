"""Opening the ledger: what is restored from the snapshot. tests/faults tests damaged ledgers."""

import os
from contextlib import closing

import pytest

from scheduled.core.keys import JobKey
from scheduled.errors import ConfigError, StateError
from scheduled.paths import Paths
from scheduled.schedules.schedule import Schedule
from scheduled.state import directories, restore, snapshot, snapshot_summary
from scheduled.state.open import open_existing, read_only
from scheduled.state.restore import open_ledger
from tests.fixtures.ledgers import HOURLY, LEDGERS

NOW = 1_770_127_200.0
SNAPSHOT_JOBS = {
    "a": {"position": 7200, "window_start": 3600, "schedules": HOURLY},
    "gone": {"position": 7200, "window_start": 3600, "schedules": []},
}


@pytest.fixture
def paths(tmp_path):
    """A state directory with a snapshot of two jobs, and without a ledger."""
    paths = Paths(tmp_path / "state")
    directories.prepare(paths)
    snapshot.publish(paths.snapshot, {"jobs": SNAPSHOT_JOBS}, next_due=None, edited=0, now=NOW, zone="UTC")
    return paths


def test_a_new_ledger_gets_the_positions_of_the_snapshot(paths):
    ledger, repairs = open_ledger(paths, NOW)
    job_states = ledger.job_states()
    ledger.close()

    assert {
        job: (found.position, found.window_start, found.schedules) for job, found in job_states.items()
    } == {JobKey("a"): (7200, 3600, HOURLY)}
    assert repairs == [
        f"{paths.ledger}: was lost; restored the positions of 2 jobs from scheduled_state.json"
    ]


def test_a_new_ledger_gets_the_state_of_every_target(tmp_path):
    paths, x, y = Paths(tmp_path / "state"), JobKey("a", "x"), JobKey("a", "y")
    directories.prepare(paths)
    with closing(LEDGERS["sqlite"](tmp_path)) as lost, lost.transaction():
        lost.begin_epoch(x, HOURLY, 7200)
        lost.succeeded(x, 3600)
        lost.begin_epoch(y, HOURLY, 9000)
        lost.override(y, enabled=False)
        lost.pause(x, None)
        document = snapshot_summary.summary(lost, {}, "UTC", int(NOW))
    snapshot.publish(paths.snapshot, document, next_due=None, edited=0, now=NOW, zone="UTC")

    with closing(open_ledger(paths, NOW)[0]) as ledger:
        found = {key: (state.position, state.window_start) for key, state in ledger.job_states().items()}
        assert found == {x: (7200, 3600), y: (9000, None)}
        assert (ledger.overrides(), ledger.pauses(0)) == ({y: False}, {x: None})


def test_a_ledger_with_jobs_gets_nothing_from_the_snapshot(paths):
    with closing(LEDGERS["sqlite"](paths.root)) as ledger, ledger.transaction():
        ledger.begin_epoch(JobKey("b"), (Schedule("cron", "@daily"),), 5)

    ledger, repairs = open_ledger(paths, NOW)

    assert (list(ledger.job_states()), repairs) == ([JobKey("b")], [])
    ledger.close()


def test_a_reader_sees_what_the_next_tick_restores(paths):
    with read_only(paths) as ledger:
        found = {key: state.position for key, state in ledger.job_states().items()}

    assert (found, os.listdir(paths.root).count("ledger.db")) == ({JobKey("a"): 7200}, 0)
    assert paths.lost == (
        f"{paths.ledger}: is lost, with all runs; the next tick restores the positions of 2 jobs from "
        "scheduled_state.json; `scheduled run` runs one now"
    )


def test_a_lost_ledger_is_named_instead_of_a_missing_one(paths):
    with pytest.raises(StateError, match=r"is lost, with all runs; the next tick restores"):
        open_existing(paths)


def test_without_a_snapshot_nothing_is_lost(tmp_path):
    paths = Paths(tmp_path / "new")
    with read_only(paths) as ledger:
        assert (ledger.is_new(), paths.lost) == (True, None)


def test_a_restored_ledger_is_not_lost_any_more(paths):
    with read_only(paths):
        pass
    open_ledger(paths, NOW)[0].close()

    assert paths.lost is None


def test_what_another_process_restored_first_is_not_restored_again(paths):
    ledger, _ = open_ledger(paths, NOW)

    assert restore._restore(ledger, paths, NOW) == []
    assert len(ledger.epochs()) == 1
    ledger.close()


def test_without_a_snapshot_the_ledger_is_empty_and_nothing_is_reported(paths):
    paths.snapshot.unlink()

    ledger, repairs = open_ledger(paths, NOW)

    assert (ledger.job_states(), repairs) == ({}, [])
    ledger.close()


def test_the_state_directory_is_created_for_its_owner_only(tmp_path):
    paths = Paths(tmp_path / "deep" / "state")

    open_ledger(paths, NOW)[0].close()

    places = (paths.root, paths.output, paths.reports, paths.results)
    assert [oct(place.stat().st_mode & 0o777) for place in places] == ["0o700"] * 4


@pytest.mark.parametrize("mode", [0o777, 0o770])
@pytest.mark.parametrize("name", ["root", "output"])
def test_a_state_directory_that_others_may_write_is_refused_with_the_fix(paths, mode, name):
    place = getattr(paths, name)
    place.mkdir(exist_ok=True)
    place.chmod(mode)

    with pytest.raises(ConfigError, match=rf"{place}: .*writable by .*; chmod"):
        open_ledger(paths, NOW)


def test_a_state_directory_that_cannot_be_created_is_named(tmp_path):
    (tmp_path / "file").touch()

    with pytest.raises(StateError, match=str(tmp_path / "file")):
        open_ledger(Paths(tmp_path / "file" / "state"), NOW)
