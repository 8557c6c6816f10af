"""`stop` only ends a process that still executes the requested attempt; what has no process ends without one."""

from types import SimpleNamespace

import pytest

from scheduled.commands import stop
from scheduled.core.runs import AttemptResult
from scheduled.errors import ConfigError
from scheduled.execution.protocol import Ended, Started, encode
from scheduled.paths import Paths
from scheduled.state import directories

RUN = SimpleNamespace(run_id="mail-1", attempt=2, tick="tick", status="running")


@pytest.fixture
def runtime(tmp_path):
    paths = Paths(tmp_path)
    directories.prepare(paths)
    return SimpleNamespace(paths=paths)


def started(run_id, attempt, pid=7):
    return Started(run_id=run_id, attempt=attempt, pid=pid, born=1, at=1.0)


def ended(run_id, attempt):
    times = {"started_at": 1.0, "finished_at": 2.0, "duration_ms": 1000}
    return Ended(
        attempt_result=AttemptResult(run_id=run_id, attempt=attempt, status="success", exit_code=0, **times)
    )


def write(runtime, *records):
    runtime.paths.results_of(RUN.tick).write_bytes(b"".join(encode(record) + b"\n" for record in records))


def test_the_process_is_that_of_the_current_attempt(runtime):
    write(
        runtime, started("mail-1", 1), ended("mail-1", 1), started("mail-1", 2, pid=8), ended("health-1", 1)
    )

    assert stop._process(runtime, RUN).pid == 8


def test_a_process_that_already_executes_another_run_is_not_stopped(runtime):
    write(runtime, started("mail-1", 2), ended("mail-1", 2), started("metrics-1", 1))

    assert stop._process(runtime, RUN) is None
    with pytest.raises(ConfigError, match="mail-1: has just ended"):
        stop._refuse_ended(runtime, RUN)


def test_a_queued_run_has_no_process(runtime):
    write(runtime, started("health-1", 1))

    assert stop._process(runtime, RUN) is None
    stop._refuse_ended(runtime, RUN)
