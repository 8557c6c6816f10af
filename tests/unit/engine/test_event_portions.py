"""Events are loaded in portions, and each of them starts its jobs once, also if the tick dies between two portions."""

import pytest

from scheduled.core.keys import JobKey
from scheduled.core.runs import AFTER
from scheduled.engine import event_spool, intake
from scheduled.engine.runtime import Runtime
from scheduled.paths import Paths
from scheduled.state import directories
from tests.fixtures.counting import Crash, Transactions
from tests.fixtures.ledgers import LEDGERS

NOW = 1_800_000_000.0


@pytest.fixture
def runtime(tmp_path, monkeypatch):
    monkeypatch.setattr(event_spool, "PORTION", 10)
    config = tmp_path / "etc" / "scheduled.toml"
    config.parent.mkdir(mode=0o700)
    config.write_text('[jobs.a]\non = "ping"\ncommand = "true"\n[jobs.b]\non = "ping"\ncommand = "true"\n')
    directories.prepare(Paths(tmp_path))
    return Runtime(config, tmp_path)


@pytest.fixture
def ledger(tmp_path):
    ledger = LEDGERS["sqlite"](tmp_path)
    yield ledger
    ledger.close()


def put(runtime, number):
    for count in range(number):
        (runtime.paths.spool / f"ping.{count:04}").write_text(f'{{"number": {count}}}')


def take_in(runtime, ledger):
    """Load the spool as a tick does, and remove the files of the last portion as after its commit."""
    spool = event_spool.Spool(runtime)
    intake.record_portions(ledger, runtime, spool, NOW)
    with ledger.transaction():
        spooled = spool.load(ledger, NOW)
    intake.publish(runtime, intake.Collected(events=spooled.events, warnings=[], spooled=spooled))


def requested(ledger):
    return [(row.job, row.payload["number"]) for row in ledger.start_requests()]


def test_no_transaction_loads_more_than_a_portion(runtime, ledger, monkeypatch):
    put(runtime, 35)
    counted = Transactions(ledger, monkeypatch)

    take_in(runtime, ledger)

    assert counted.rows == [21, 21, 21, 11]  # two start requests for each event, and the loaded files
    assert requested(ledger) == [(job, number) for number in range(35) for job in "ab"]
    assert list(runtime.paths.spool.iterdir()) == []


def test_a_portion_ends_when_it_has_requested_many_starts(runtime, ledger, monkeypatch):
    monkeypatch.setattr(event_spool, "MOST_REQUESTS", 6)
    put(runtime, 12)
    counted = Transactions(ledger, monkeypatch)

    spool = event_spool.Spool(runtime)
    intake.record_portions(ledger, runtime, spool, NOW)

    assert counted.rows == [7]  # what is left is one portion, for the transaction of the tick
    assert len(requested(ledger)) == 6


@pytest.mark.parametrize("transactions", [0, 1, 2, 3])
@pytest.mark.parametrize("removed", [True, False], ids=["files removed", "files not removed"])
def test_a_tick_that_dies_between_two_portions_starts_no_event_twice(
    runtime, ledger, monkeypatch, transactions, removed
):
    put(runtime, 35)
    with monkeypatch.context() as patch:
        Transactions(ledger, patch, crash_after=transactions)
        if not removed:
            patch.setattr(type(runtime.paths.spool), "unlink", lambda *_, **__: None)
        with pytest.raises(Crash):
            take_in(runtime, ledger)

    take_in(runtime, ledger)

    assert sorted(requested(ledger)) == sorted((job, number) for number in range(35) for job in "ab")
    assert list(runtime.paths.spool.iterdir()) == []
    take_in(runtime, ledger)
    assert len(requested(ledger)) == 70


def test_a_file_that_cannot_be_removed_is_loaded_once(runtime, ledger, monkeypatch):
    put(runtime, 35)
    with monkeypatch.context() as patch:
        patch.setattr(type(runtime.paths.spool), "unlink", lambda *_, **__: None)
        for _ in range(3):
            take_in(runtime, ledger)

    assert len(requested(ledger)) == 70
    assert ledger.requested_keys() == [JobKey("a"), JobKey("b")]
    assert AFTER not in {row.event for row in ledger.start_requests()}
