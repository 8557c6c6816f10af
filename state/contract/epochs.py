"""The part `Epochs` of the contract of the ledger."""

from typing import Protocol

from scheduled.core.keys import JobKey
from scheduled.core.records import Epoch
from scheduled.schedules.schedule import Schedule
from scheduled.schedules.zones import Instant


class Epochs(Protocol):
    """The epochs of jobs: which schedules were in force when."""

    def begin_epoch(self, key: JobKey, schedules: tuple[Schedule, ...], starts_at: Instant) -> None:
        """Open an epoch of *schedules*, with the slots after *starts_at*, and clear the open reason.

        *key* may be new. Its position becomes *starts_at*, unless it is later already. *schedules* must not be empty,
        and the previous epoch must have been closed with `end_epoch`.
        """

    def continue_epoch(self, key: JobKey, schedules: tuple[Schedule, ...], starts_at: Instant) -> None:
        """Close the open epoch of *key* at *starts_at*, and open one of *schedules*; the position and the open reason stay.

        Slots after the position that belong to the closed epoch are still open.
        """

    def ended_epochs(self) -> dict[JobKey, Epoch]:
        """Return the last epoch of every key without an open one; it ends at the position or later.

        Its schedules are empty if it is not recorded any more.
        """

    def end_epoch(self, key: JobKey, ends_at: Instant) -> None:
        """Close the open epoch of *key*, if there is one; its last slot is at or before *ends_at*."""

    def epochs(self) -> list[Epoch]:
        """Return the epochs of all keys, sorted by job, target and start."""

    def epoch_ends(self, key: JobKey, first: Instant, last: Instant) -> list[Instant]:
        """Return the ends of the epochs of *key* between two slots: *first* or later, and before *last*; ascending."""
