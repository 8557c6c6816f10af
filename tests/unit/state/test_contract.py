"""A store has one module for each part of the ledger's contract, with the same methods."""

import inspect
from importlib import import_module
from typing import Protocol

import pytest

from scheduled.state import ledger
from scheduled.state.contract.ledger import Ledger
from scheduled.state.sqlite.ledger import SqliteLedger

PARTS = {
    "Epochs": "epochs",
    "Positions": "positions",
    "Runs": "runs",
    "StartRequests": "start_requests",
    "History": "history",
    "Conditions": "conditions",
    "Incidents": "incidents",
    "Overrides": "overrides",
    "ClockSteps": "clock_steps",
    "Meta": "meta",
}


def contract(part):
    return getattr(import_module(f"scheduled.state.contract.{PARTS[part]}"), part)


def signatures(kind):
    return {
        name: [(one.name, one.kind, one.default) for one in inspect.signature(found).parameters.values()]
        for name, found in vars(kind).items()
        if inspect.isfunction(found) and not name.startswith("_")
    }


def test_the_ledger_has_all_parts_and_no_method_is_in_two_of_them():
    parts = [base.__name__ for base in Ledger.__bases__ if base is not Protocol]
    methods = [name for part in parts for name in signatures(contract(part))]

    assert (parts, len(methods)) == (list(PARTS), len(set(methods)))
    assert set(signatures(Ledger)) == {"make_ready", "transaction", "sync", "close"}
    assert set(ledger.__all__) == {*PARTS, "Ledger"}


@pytest.mark.parametrize("part", PARTS)
def test_each_part_is_one_module_of_the_store_with_exactly_its_methods(part):
    store = getattr(import_module(f"scheduled.state.sqlite.{PARTS[part]}"), part)

    assert signatures(store) == signatures(contract(part))
    assert issubclass(SqliteLedger, store)
