"""The files of a run are evidence of its end until the commit that records the end."""

import os

import pytest

from scheduled.core.keys import JobKey
from scheduled.engine import leftovers, recovery
from scheduled.engine.runtime import Runtime
from scheduled.errors import StateError
from scheduled.execution.protocol import Ended, Started, encode
from scheduled.state import directories
from tests.fixtures.ledgers import CLAIMANT, HOUR, HOURLY, LEDGERS, a_claim, an_attempt_result, rows

NOW = 20_000.5


@pytest.fixture
def runtime(tmp_path):
    tmp_path.chmod(0o700)
    (tmp_path / "scheduled.toml").write_text(
        '[jobs.job]\ncron = "0 * * * *"\ncommand = "true"\non_interrupted = "skip"\n'
    )
    found = Runtime(tmp_path / "scheduled.toml", tmp_path / "state")
    directories.prepare(found.paths)
    return found


@pytest.fixture
def ledger(runtime):
    """A ledger with a claimed run that has ended with success, according to the files of its dead tick."""
    ledger = LEDGERS["sqlite"](runtime.paths.root)
    with ledger.transaction():
        ledger.begin_epoch(JobKey("job"), HOURLY, 0)
        ledger.claim(a_claim(HOUR), CLAIMANT, 5.5)
    record = encode(Ended(attempt_result=an_attempt_result(f"run-{HOUR}")))
    runtime.paths.results_of(CLAIMANT.tick).write_bytes(record + b"\n")
    runtime.paths.output_of(f"run-{HOUR}", 1).touch()
    yield ledger
    ledger.close()


def evidence(runtime):
    return sorted(
        path.name for place in (runtime.paths.results, runtime.paths.output) for path in place.iterdir()
    )


def settle_on_a_full_disk(ledger, runtime):
    with ledger.transaction():
        recovery.settle_ended(ledger, runtime, NOW)
        raise StateError("full")


def test_the_evidence_of_a_run_outlives_a_commit_that_fails(runtime, ledger):
    with pytest.raises(StateError, match="full"):
        settle_on_a_full_disk(ledger, runtime)

    assert evidence(runtime) == [f"run-{HOUR}.1.log", "tick-1.jsonl"]
    with ledger.transaction():
        recovery.settle_ended(ledger, runtime, NOW)
    assert [verdict for _, verdict, *_ in rows(ledger)] == ["success"]


def test_the_evidence_of_a_run_is_removed_once_its_end_is_committed(runtime, ledger):
    with ledger.transaction():
        recovery.settle_ended(ledger, runtime, NOW)
    runtime.remove_obsolete()
    leftovers.remove(ledger, runtime)

    assert evidence(runtime) == []


def test_files_of_open_runs_stay(runtime, ledger):
    runtime.paths.report_of(f"run-{HOUR}", 1).touch()
    runtime.paths.report_of("another", 1).touch()

    leftovers.remove(ledger, runtime)

    assert evidence(runtime) == [f"run-{HOUR}.1.log", f"run-{HOUR}.1.report", "tick-1.jsonl"]


@pytest.mark.parametrize(
    ("results", "output", "ended"),
    [(9_000, 8_000, 9_000), (9_000, 9_500, 9_500), (5_000, 5_000, 7_000), (30_000, 8_000, 8_000), (30_000, 30_000, NOW)],
)  # fmt: skip
def test_a_killed_run_ended_when_it_was_last_seen_not_when_it_was_found(
    runtime, ledger, results, output, ended
):
    started = Started(run_id=f"run-{HOUR}", attempt=1, pid=1, born=0, at=7_000.0, moment=0.0)
    places = {
        runtime.paths.results_of(CLAIMANT.tick): results,
        runtime.paths.output_of(f"run-{HOUR}", 1): output,
    }
    runtime.environment = {}
    runtime.paths.results_of(CLAIMANT.tick).write_bytes(encode(started) + b"\n")
    for path, at in places.items():
        os.utime(path, (at, at))

    with ledger.transaction():
        recovery.settle_ended(ledger, runtime, NOW)

    [run] = ledger.attempts(f"run-{HOUR}")
    assert (run.status, run.started_at, run.finished_at) == ("interrupted", 7_000, ended)
    assert run.duration_ms == int((ended - 7_000) * 1000)
