"""The contract of the ledger: the names of its parts, for annotations.

The protocols and their rules are in the package `contract`. Only type checkers need them: to import and create them would
cost every tick a millisecond, so while the program runs the names mean any object.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scheduled.state.contract.clock_steps import ClockSteps
    from scheduled.state.contract.conditions import Conditions
    from scheduled.state.contract.epochs import Epochs
    from scheduled.state.contract.history import History
    from scheduled.state.contract.incidents import Incidents
    from scheduled.state.contract.ledger import Ledger
    from scheduled.state.contract.meta import Meta
    from scheduled.state.contract.overrides import Overrides
    from scheduled.state.contract.positions import Positions
    from scheduled.state.contract.runs import Runs
    from scheduled.state.contract.start_requests import StartRequests
else:
    Epochs = Positions = Runs = StartRequests = History = Conditions = Incidents = Overrides = ClockSteps = (
        Meta
    ) = Ledger = object

__all__ = [
    "ClockSteps",
    "Conditions",
    "Epochs",
    "History",
    "Incidents",
    "Ledger",
    "Meta",
    "Overrides",
    "Positions",
    "Runs",
    "StartRequests",
]
