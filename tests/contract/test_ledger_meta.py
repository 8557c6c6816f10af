"""The contract of every ledger for its metadata, for hosts and for transactions."""

from contextlib import suppress

import pytest

from scheduled.core.keys import JobKey
from tests.fixtures.ledgers import CLAIMANT, HOUR, HOURLY, a_claim, a_condition, a_notice, claimed, rows


def test_a_remembered_value_can_be_read_and_changed(ledger):
    seen = [ledger.meta("cadence")]
    for value in ("300", "60"):
        with ledger.transaction():
            ledger.remember("cadence", value)
        seen.append(ledger.meta("cadence"))

    assert seen == [None, "300", "60"]


def test_a_run_has_its_host_and_the_hosts_current_name(ledger):
    claimed(ledger, HOUR)
    seen = [ledger.run("run-3600").host_name]
    for name in ("box", "box.lan"):
        with ledger.transaction():
            ledger.saw_host("here", name, 7.5)
        seen.append(ledger.run("run-3600").host_name)

    assert (ledger.run("run-3600").host, seen) == ("here", [None, "box", "box.lan"])
    assert ledger.open_run("run-3600").host == "here"


def test_a_notice_has_the_host_that_posted_it(ledger):
    with ledger.transaction():
        ledger.post("without", a_notice(), 1.0)
        ledger.host = "here"
        ledger.post("with", a_notice(), 2.0)

    assert [(item.id, item.host) for item in ledger.outbox()] == [("without", ""), ("with", "here")]


def test_an_exception_rolls_back_its_transaction(ledger):
    before = (ledger.job_states(), ledger.epochs(), ledger.totals(), ledger.conditions(), ledger.outbox())

    def write_everything():
        with ledger.transaction():
            ledger.begin_epoch(JobKey("new"), HOURLY, 0)
            ledger.advance(JobKey("job"), 100)
            ledger.claim(a_claim(HOUR), CLAIMANT, 1)
            ledger.count(JobKey("job"), "n", 1)
            ledger.put_condition(JobKey("job"), a_condition(), 1.0)
            ledger.post("id", a_notice(), 1.0)
            ledger.remember("k", "v")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        write_everything()

    after = (ledger.job_states(), ledger.epochs(), ledger.totals(), ledger.conditions(), ledger.outbox())
    assert (after, rows(ledger), ledger.open_runs(), ledger.meta("k")) == (before, [], [], None)
    assert claimed(ledger, HOUR)


def test_committed_rows_are_there_when_the_ledger_is_opened_again(ledger, open_ledger):
    claimed(ledger, HOUR)
    ledger.close()

    again = open_ledger()

    assert [run.run_id for run in again.open_runs()] == ["run-3600"]
    again.close()


def test_the_generation_grows_with_each_transaction_that_changes_the_ledger(ledger):
    def of(*keys):
        with suppress(KeyError), ledger.transaction():
            for key in keys:
                ledger.remember(key, {"cadence": "300", "zone": "UTC"}[key])
        return ledger.generation()

    first = ledger.generation()

    assert [of("cadence", "zone"), of(), of("cadence", "error"), of("zone")] == [
        first + grown for grown in (1, 1, 1, 2)
    ]
