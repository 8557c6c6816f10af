"""Which process `stop` may end: that of the run, as long as the run goes on."""

from types import SimpleNamespace

import pytest

from scheduled.commands import stop
from scheduled.core.runs import AttemptResult
from scheduled.errors import ConfigError, ScheduledError
from scheduled.execution.protocol import Ended, Started, encode
from scheduled.paths import Paths
from scheduled.state import directories

RUN = SimpleNamespace(run_id="mail-1", attempt=2, tick="tick")


@pytest.fixture
def house(tmp_path):
    paths = Paths(tmp_path)
    directories.prepare(paths)
    return SimpleNamespace(paths=paths)


def started(run_id, attempt, pid=7):
    return Started(run_id=run_id, attempt=attempt, pid=pid, born=1, at=1.0)


def ended(run_id, attempt):
    times = {"started_at": 1.0, "finished_at": 2.0, "duration_ms": 1000}
    return Ended(ending=AttemptResult(run_id=run_id, attempt=attempt, status="success", exit_code=0, **times))


def tell(house, *records):
    house.paths.results_of(RUN.tick).write_bytes(b"".join(encode(record) + b"\n" for record in records))


def test_it_is_the_process_of_this_attempt(house):
    tell(house, started("mail-1", 1), ended("mail-1", 1), started("mail-1", 2, pid=8), ended("health-1", 1))

    assert stop._process(house, RUN).pid == 8


def test_a_process_that_goes_on_with_another_run_is_left_alone(house):
    tell(house, started("mail-1", 2), ended("mail-1", 2), started("metrics-1", 1))

    with pytest.raises(ConfigError, match="mail-1: has just ended"):
        stop._process(house, RUN)


def test_a_run_that_waits_for_its_turn_has_none(house):
    tell(house, started("health-1", 1))

    with pytest.raises(ScheduledError, match="has no process yet"):
        stop._process(house, RUN)
