"""The conditions of a large report are recorded in portions; a tick that dies between two of them loses nothing."""

from itertools import count

import msgspec
import pytest

from scheduled.core.conditions import Notice
from scheduled.core.keys import JobKey
from scheduled.engine import large_reports, recovery, settle
from scheduled.execution.protocol import Ended, encode
from scheduled.execution.report_lines import ReportFile
from scheduled.handlers.base import Outcome
from tests.fixtures.counting import Crash, Transactions
from tests.fixtures.ledgers import CLAIMANT, HOURLY, LEDGERS, a_claim, a_condition, an_attempt_result
from tests.unit.engine.test_rounds import a_runtime

NOW = 1_800_000_000.0
KEY = JobKey("job")
JOBS = '[jobs.job]\ncron = "0 * * * *"\nhandler = "health"\n[jobs.listener]\non = "found"\ncommand = "true"\n'


@pytest.fixture
def runtime(tmp_path, monkeypatch):
    monkeypatch.setattr(large_reports, "PORTION", 10)
    monkeypatch.setattr(large_reports, "LARGE", 500)
    monkeypatch.setattr("scheduled.clock.now", map(float, count(int(NOW))).__next__)
    composed = settle.context_of

    def context_of(runtime, now):
        return msgspec.structs.replace(composed(runtime, now), compose=lambda _, change: notices(change))

    monkeypatch.setattr(settle, "context_of", context_of)
    return a_runtime(tmp_path, JOBS)


def notices(change):
    found = [f"{len(change.appeared)} appeared, {len(change.gone)} are gone"]
    return [Notice(recipient=f"@{change.group}", subject=text, body="b") for text in found]


@pytest.fixture
def ledger(tmp_path):
    ledger = LEDGERS["sqlite"](tmp_path)
    with ledger.transaction():
        ledger.begin_epoch(KEY, HOURLY, 0)
    yield ledger
    ledger.close()


def found(number, groups=35, **values):
    return [
        a_condition(f"key-{one}", f"group-{one % groups}", event="found", **values) for one in range(number)
    ]


def run(ledger, runtime, slot, conditions):
    """Claim a run, and write the report of a handler that found *conditions*; return the result of its attempt."""
    run_id = f"run-{slot}"
    with ledger.transaction():
        ledger.claim(a_claim(slot), CLAIMANT, NOW)
        ledger.started(run_id, 1, NOW)
    report = ReportFile(str(runtime.paths.report_of(run_id, 1)))
    for condition in conditions:
        report.condition(condition)
    report.outcome(Outcome(status="success"))
    return an_attempt_result(run_id)


def finish(ledger, runtime, attempt_result):
    large_reports.record(ledger, runtime, attempt_result)
    with ledger.transaction():
        open_run = ledger.open_run(attempt_result.run_id)
        return settle.settle_finished(ledger, runtime, open_run, attempt_result, NOW)


def known(ledger):
    return {item.condition.key: item.condition for item in ledger.conditions(KEY)}


def test_a_transaction_records_a_portion_of_the_conditions(ledger, runtime, monkeypatch):
    ended = run(ledger, runtime, 3600, found(35))
    counted = Transactions(ledger, monkeypatch)

    finish(ledger, runtime, ended)

    # A condition, the instant of its notice, the notice and the start request of its event: four rows each.
    assert counted.rows[:-1] == [40, 40, 40, 20]
    assert counted.rows[-1] < 10  # the attempt, the run and its slot
    assert known(ledger) == {condition.key: condition for condition in found(35)}
    assert (len(ledger.outbox()), len(ledger.start_requests())) == (35, 35)


def test_conditions_that_have_not_changed_are_not_written_again(ledger, runtime, monkeypatch):
    finish(ledger, runtime, run(ledger, runtime, 3600, found(35)))
    since = [item.since for item in ledger.conditions(KEY)]
    later = [*found(30), *found(35, payload={"line": 7})[30:]]
    ended = run(ledger, runtime, 7200, later)
    counted = Transactions(ledger, monkeypatch)

    finish(ledger, runtime, ended)

    assert counted.rows[:-1] == [5]
    assert known(ledger) == {condition.key: condition for condition in later}
    assert [item.since for item in ledger.conditions(KEY)] == since
    assert len(ledger.outbox()) == 35


def test_many_conditions_that_are_gone_are_a_large_report_too(ledger, runtime, monkeypatch):
    finish(ledger, runtime, run(ledger, runtime, 3600, found(35)))
    ended = run(ledger, runtime, 7200, [])
    counted = Transactions(ledger, monkeypatch)

    finish(ledger, runtime, ended)

    assert max(counted.rows) <= 20
    assert (known(ledger), len(ledger.outbox())) == ({}, 70)


def test_a_large_group_has_one_notice(ledger, runtime):
    finish(ledger, runtime, run(ledger, runtime, 3600, found(35, groups=1)))

    (item,) = ledger.outbox()
    assert item.notice.subject == "35 appeared, 0 are gone"
    assert all(item.notified_at for item in ledger.conditions(KEY))


@pytest.mark.parametrize("transactions", range(5))
def test_a_tick_that_dies_between_two_portions_loses_and_repeats_nothing(
    ledger, runtime, monkeypatch, transactions
):
    ended = run(ledger, runtime, 3600, found(35))
    with monkeypatch.context() as patch:
        Transactions(ledger, patch, crash_after=transactions)
        with pytest.raises(Crash):
            finish(ledger, runtime, ended)
    runtime.reports.clear()  # of the process that died
    runtime.paths.results_of(CLAIMANT.tick).write_bytes(encode(Ended(attempt_result=ended)) + b"\n")

    recovery.record_large_reports(ledger, runtime)
    with ledger.transaction():
        recovery.settle_ended(ledger, runtime, NOW)

    assert known(ledger) == {condition.key: condition for condition in found(35)}
    assert (len(ledger.outbox()), len(ledger.start_requests())) == (35, 35)
    assert ledger.run("run-3600").status == "success"


def test_a_run_that_another_tick_has_settled_is_left_alone(ledger, runtime):
    ended = run(ledger, runtime, 3600, found(35))
    with ledger.transaction():
        ledger.ended(ended, "success", None, None)

    large_reports.record(ledger, runtime, ended)

    assert (known(ledger), runtime.reports) == ({}, {})


@pytest.mark.parametrize("transactions", range(1, 4))
def test_a_tick_that_dies_within_a_group_posts_its_notice_once(ledger, runtime, monkeypatch, transactions):
    ended = run(ledger, runtime, 3600, found(35, groups=1))
    with monkeypatch.context() as patch:
        Transactions(ledger, patch, crash_after=transactions)
        with pytest.raises(Crash):
            finish(ledger, runtime, ended)
    runtime.reports.clear()

    finish(ledger, runtime, ended)

    assert [item.notice.subject for item in ledger.outbox()] == ["35 appeared, 0 are gone"]
    assert known(ledger) == {condition.key: condition for condition in found(35, groups=1)}


def test_the_report_of_a_run_is_left_to_its_tick_while_that_lives(ledger, runtime, monkeypatch):
    ended = run(ledger, runtime, 3600, found(35))
    runtime.paths.results_of(CLAIMANT.tick).write_bytes(encode(Ended(attempt_result=ended)) + b"\n")
    monkeypatch.setattr(recovery, "is_held", lambda _: True)

    recovery.record_large_reports(ledger, runtime)

    assert (known(ledger), ledger.start_requests()) == ({}, [])
