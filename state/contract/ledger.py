"""The whole contract of the ledger."""

from contextlib import AbstractContextManager
from typing import Protocol

from scheduled.state.contract.clock_steps import ClockSteps
from scheduled.state.contract.conditions import Conditions
from scheduled.state.contract.epochs import Epochs
from scheduled.state.contract.history import History
from scheduled.state.contract.meta import Meta
from scheduled.state.contract.overrides import Overrides
from scheduled.state.contract.positions import Positions
from scheduled.state.contract.runs import Runs
from scheduled.state.contract.start_requests import StartRequests


class Ledger(
    Epochs, Positions, Runs, StartRequests, History, Conditions, Overrides, ClockSteps, Meta, Protocol
):
    """The whole ledger."""

    def transaction(self) -> AbstractContextManager[None]:
        """Return a context that commits its writes together and durably; an exception undoes all of them.

        Only one process at a time is inside; transactions do not nest. Raise StateError if the writes cannot be
        recorded (disk full, read-only, damaged file), BusyError if another process holds the ledger for too long.
        """

    def close(self) -> None:
        """Close the files of the ledger. A second call does nothing; no other method may be called afterwards."""
