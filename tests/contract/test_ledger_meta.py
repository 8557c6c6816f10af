"""What every ledger must do with what it remembers, and what a transaction is."""

import pytest

from tests.fixtures.ledgers import HOLDER, HOUR, HOURLY, a_claim, a_condition, a_notice, claimed, rows


def test_what_is_remembered_can_be_asked_for_and_changed(ledger):
    seen = [ledger.meta("cadence")]
    for value in ("300", "60"):
        with ledger.transaction():
            ledger.remember("cadence", value)
        seen.append(ledger.meta("cadence"))

    assert seen == [None, "300", "60"]


def test_an_exception_undoes_everything_in_its_transaction(ledger):
    before = (ledger.job_states(), ledger.epochs(), ledger.totals(), ledger.conditions(), ledger.outbox())

    def everything():
        with ledger.transaction():
            ledger.begin_epoch("new", HOURLY, 0)
            ledger.advance("job", 100)
            ledger.claim(a_claim(HOUR), HOLDER, 1)
            ledger.count("job", "n", 1)
            ledger.put_condition("job", a_condition(), 1.0)
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
