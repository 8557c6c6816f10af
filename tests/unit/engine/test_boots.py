"""The instants of the boot and of its first tick, which `start_delay` counts from."""

import pytest

from scheduled import clock
from scheduled.engine import boots
from scheduled.schedules.timetable import FOREVER
from scheduled.state.sqlite.ledger import SqliteLedger

BOOT = 1_772_884_800.25


@pytest.fixture
def ledger(tmp_path):
    ledger = SqliteLedger(tmp_path / "ledger.db")
    yield ledger
    ledger.close()


@pytest.fixture
def machine(monkeypatch):
    class Machine:
        up, error, boot = 40.0, 0.0, "one"

    machine = Machine()
    monkeypatch.setattr(clock, "uptime", lambda: machine.up)
    monkeypatch.setattr(clock, "now", lambda: BOOT + machine.up + machine.error)
    monkeypatch.setattr(clock, "boot_id", lambda: machine.boot)
    return machine


def test_the_first_tick_of_a_boot_is_remembered_and_a_later_one_is_not(ledger, machine):
    assert boots.instants(ledger) == (int(BOOT), FOREVER)
    boots.remember_first(ledger, "one")
    machine.up = 3000.0
    boots.remember_first(ledger, "one")

    assert boots.instants(ledger) == (int(BOOT), round(BOOT + 40))


def test_another_boot_has_another_first_tick(ledger, machine):
    boots.remember_first(ledger, "one")
    machine.boot, machine.up = "two", 7.0

    assert boots.instants(ledger)[1] == FOREVER
    boots.remember_first(ledger, "two")
    assert boots.instants(ledger)[1] == round(BOOT + 7)


def test_a_clock_that_is_set_after_the_first_tick_moves_both_instants(ledger, machine):
    machine.error = -BOOT  # the clock began in 1970
    boots.remember_first(ledger, "one")
    machine.error = 0

    assert boots.instants(ledger) == (int(BOOT), round(BOOT + 40))
