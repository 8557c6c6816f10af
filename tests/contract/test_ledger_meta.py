"""What every ledger must do with what it remembers, and what a transaction is."""

import pytest

from scheduled.core.keys import JobKey
from tests.fixtures.ledgers import HOLDER, HOUR, HOURLY, a_claim, a_condition, a_notice, claimed, rows


def test_what_is_remembered_can_be_asked_for_and_changed(ledger):
    seen = [ledger.meta("cadence")]
    for value in ("300", "60"):
        with ledger.transaction():
            ledger.remember("cadence", value)
        seen.append(ledger.meta("cadence"))

    assert seen == [None, "300", "60"]


def test_a_run_knows_its_host_and_what_people_call_it_now(ledger):
    claimed(ledger, HOUR)
    seen = [ledger.run("run-3600").host_name]
    for name in ("box", "box.lan"):
        with ledger.transaction():
            ledger.saw_host("here", name, 7.5)
        seen.append(ledger.run("run-3600").host_name)

    assert (ledger.run("run-3600").host, seen) == ("here", [None, "box", "box.lan"])
    assert ledger.open_run("run-3600").host == "here"


def test_a_notice_knows_the_host_that_decided_it(ledger):
    with ledger.transaction():
        ledger.post("nobody's", a_notice(), 1.0)
        ledger.host = "here"
        ledger.post("mine", a_notice(), 2.0)

    assert [(item.id, item.host) for item in ledger.outbox()] == [("nobody's", ""), ("mine", "here")]


def test_an_exception_undoes_everything_in_its_transaction(ledger):
    before = (ledger.job_states(), ledger.epochs(), ledger.totals(), ledger.conditions(), ledger.outbox())

    def everything():
        with ledger.transaction():
            ledger.begin_epoch(JobKey("new"), HOURLY, 0)
            ledger.advance(JobKey("job"), 100)
            ledger.claim(a_claim(HOUR), HOLDER, 1)
            ledger.count(JobKey("job"), "n", 1)
            ledger.put_condition(JobKey("job"), a_condition(), 1.0)
            ledger.post("id", a_notice(), 1.0)
            ledger.remember("k", "v")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        everything()

    after = (ledger.job_states(), ledger.epochs(), ledger.totals(), ledger.conditions(), ledger.outbox())
    assert (after, rows(ledger), ledger.open_runs(), ledger.meta("k")) == (before, [], [], None)
    assert claimed(ledger, HOUR)


def test_what_is_committed_is_there_when_the_ledger_is_opened_again(ledger, open_ledger):
    claimed(ledger, HOUR)
    ledger.close()

    again = open_ledger()

    assert [run.run_id for run in again.open_runs()] == ["run-3600"]
    again.close()
