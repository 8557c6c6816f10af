"""The whole contract of the ledger."""

from contextlib import AbstractContextManager
from typing import Protocol

from scheduled.state.contract.clock_steps import ClockSteps
from scheduled.state.contract.conditions import Conditions
from scheduled.state.contract.epochs import Epochs
from scheduled.state.contract.history import History
from scheduled.state.contract.incidents import Incidents
from scheduled.state.contract.meta import Meta
from scheduled.state.contract.overrides import Overrides
from scheduled.state.contract.positions import Positions
from scheduled.state.contract.runs import Runs
from scheduled.state.contract.start_requests import StartRequests


class Ledger(
    Epochs,
    Positions,
    Runs,
    StartRequests,
    History,
    Conditions,
    Incidents,
    Overrides,
    ClockSteps,
    Meta,
    Protocol,
):
    """The whole ledger."""

    def make_ready(self) -> None:
        """Prepare for transactions; then the first of them takes fewer syncs. Call it only if something will be written.

        Raise as `transaction` does.
        """

    def transaction(self, *, durable: bool = True) -> AbstractContextManager[None]:
        """Return a context that commits its writes together and durably; an exception undoes all of them.

        Without *durable* a power cut may undo the commit until the next durable one, `sync` or `close`. Nothing may
        depend on it until then, and what it can be repeated from must be kept.

        Only one process at a time is inside; transactions do not nest. Raise StateError if the writes cannot be
        recorded (disk full, read-only, damaged file), BusyError if another process holds the ledger for too long.
        """

    def sync(self) -> None:
        """Make all commits durable. Raise as `transaction` does."""

    def close(self) -> None:
        """Make all commits durable, and close the files of the ledger. Raise StateError if that fails.

        These are also the commits of other processes that were read, if the ledger was opened for writing. A second call does nothing; no other method may be called afterwards.
        """
