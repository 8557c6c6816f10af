"""The files of a run are evidence of its end until the commit that records the end."""

import errno
import os

import pytest

from scheduled.core.keys import JobKey
from scheduled.engine import leftovers, recovery
from scheduled.engine.runtime import Runtime
from scheduled.errors import StateError
from scheduled.execution.protocol import Ended, Started, encode
from scheduled.execution.report_lines import ReportFile
from scheduled.handlers.base import Outcome
from scheduled.state import directories
from tests.fixtures.ledgers import CLAIMANT, HOUR, HOURLY, LEDGERS, a_claim, an_attempt_result, rows

NOW = 20_000.5


@pytest.fixture
def runtime(tmp_path):
    tmp_path.chmod(0o700)
    (tmp_path / "scheduled.toml").write_text(
        '[jobs.job]\ncron = "0 * * * *"\ncommand = "true"\non_interrupted = "skip"\noutput_limit = 1000\n'
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
    output = runtime.paths.output_of(f"run-{HOUR}", 1)
    output.parent.mkdir()
    output.touch()
    yield ledger
    ledger.close()


def evidence(runtime):
    return sorted(path.name for path in (*runtime.paths.results.iterdir(), *runtime.paths.outputs()))


def settle_on_a_full_disk(ledger, runtime):
    with runtime.settling(ledger):
        recovery.settle_ended(ledger, runtime, NOW)
        raise StateError("full")


def test_the_evidence_of_a_run_outlives_a_commit_that_fails(runtime, ledger):
    with pytest.raises(StateError, match="full"):
        settle_on_a_full_disk(ledger, runtime)
    with runtime.settling(ledger):
        pass  # another commit, which replaces nothing

    assert evidence(runtime) == [f"run-{HOUR}.1.log", "tick-1.jsonl"]
    with ledger.transaction():
        recovery.settle_ended(ledger, runtime, NOW)
    assert [verdict for _, verdict, *_ in rows(ledger)] == ["success"]


def test_the_evidence_of_a_run_is_removed_once_its_end_is_committed(runtime, ledger):
    with runtime.settling(ledger):
        recovery.settle_ended(ledger, runtime, NOW)
    leftovers.remove(ledger, runtime)

    assert evidence(runtime) == []


def test_a_record_that_the_supervisor_writes_while_its_lock_is_asked_counts(runtime, ledger, monkeypatch):
    """Without the lock no record is added any more. Records that are read before it is asked may be too few."""
    results = runtime.paths.results_of(CLAIMANT.tick)
    record = results.read_bytes()
    results.write_bytes(b"")

    def asked_in_the_last_moment_of_the_supervisor(path):
        if path == results:
            results.write_bytes(record)
        return False

    monkeypatch.setattr(recovery, "is_held", asked_in_the_last_moment_of_the_supervisor)
    runtime.environment = {}
    with ledger.transaction():
        recovery.settle_ended(ledger, runtime, NOW)

    assert [verdict for _, verdict, *_ in rows(ledger)] == ["success"]


@pytest.mark.parametrize(
    ("status", "verdict"), [("success", "success"), ("failed", "failed"), (None, "skipped")]
)
def test_without_a_record_the_outcome_of_the_handler_decides(runtime, ledger, status, verdict):
    """The supervisor was killed after the handler had ended, and before its result was written."""
    runtime.environment = {}
    runtime.paths.results_of(CLAIMANT.tick).write_bytes(b"")
    report = ReportFile(str(runtime.paths.report_of(f"run-{HOUR}", 1)))
    if status:
        report.outcome(Outcome(status=status))

    with ledger.transaction():
        recovery.settle_ended(ledger, runtime, NOW)

    assert [found for _, found, *_ in rows(ledger)] == [verdict]


@pytest.mark.parametrize("key", ['expect = { output = "x" }', 'fails_if = { output = "x" }'])
@pytest.mark.parametrize(("status", "verdict"), [("success", "skipped"), ("failed", "failed")])
def test_an_outcome_that_was_not_judged_is_no_success(tmp_path, ledger, key, status, verdict):
    """The supervisor was killed before it had searched the output. The job has `on_interrupted = "skip"`."""
    with (tmp_path / "scheduled.toml").open("a") as file:
        file.write(f"{key}\n")
    judged = Runtime(tmp_path / "scheduled.toml", tmp_path / "state")
    judged.environment = {}
    judged.paths.results_of(CLAIMANT.tick).write_bytes(b"")
    ReportFile(str(judged.paths.report_of(f"run-{HOUR}", 1))).outcome(Outcome(status=status))

    with ledger.transaction():
        recovery.settle_ended(ledger, judged, NOW)

    assert [found for _, found, *_ in rows(ledger)] == [verdict]


@pytest.mark.parametrize("error", [errno.EIO, errno.EMFILE, errno.EACCES])
def test_a_run_stays_open_while_its_results_cannot_be_read(runtime, ledger, monkeypatch, error):
    def fail(path):
        raise OSError(error, os.strerror(error), str(path))

    with monkeypatch.context() as patch, ledger.transaction():
        patch.setattr(recovery, "read_regular", fail)
        recovery.settle_ended(ledger, runtime, NOW)
    leftovers.remove(ledger, runtime)

    assert ([verdict for _, verdict, *_ in rows(ledger)], runtime.unrecorded) == ([None], True)
    assert f"{os.strerror(error)}; the next tick retries" in runtime.problems[0]
    with ledger.transaction():
        recovery.settle_ended(ledger, runtime, NOW)
    assert [verdict for _, verdict, *_ in rows(ledger)] == ["success"]


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


def test_a_killed_run_ended_when_it_was_last_seen_also_after_a_commit_that_fails(runtime, ledger):
    """The output is cut and masked before the commit, as a secret must not stay in it."""
    runtime.environment = {}
    runtime.paths.results_of(CLAIMANT.tick).unlink()
    output = runtime.paths.output_of(f"run-{HOUR}", 1)
    output.write_bytes(b"1" * 5000)
    os.utime(output, (9_000, 9_000))

    with pytest.raises(StateError, match="full"):
        settle_on_a_full_disk(ledger, runtime)
    with ledger.transaction():
        recovery.settle_ended(ledger, runtime, NOW)

    [run] = ledger.attempts(f"run-{HOUR}")
    assert (run.finished_at, output.stat().st_size < 2000) == (9_000, True)
