"""The part `Overrides` of the contract of the ledger."""

from typing import Protocol

from scheduled.core.keys import JobKey
from scheduled.schedules.zones import Instant


class Overrides(Protocol):
    """What the user sets with commands on top of the configuration: overrides and pauses."""

    def override(self, key: JobKey, enabled: bool | None) -> None:
        """Enable or disable *key* regardless of the configuration; None removes the override.

        A key without a target holds for all targets of the job. *key* need not be known.
        """

    def overrides(self) -> dict[JobKey, bool]:
        """Return the overrides as they were set, by job or by target: True is enabled, False disabled."""

    def pause(self, key: JobKey, until: Instant | None) -> None:
        """Defer the slots of *key* until *until*, or until `resume` if it is None. A previous pause of *key* is replaced.

        A key without a target holds for all targets of the job, `JobKey("")` for all jobs. *key* need not be known.
        """

    def resume(self, key: JobKey) -> None:
        """End the pause of *key*; pauses of other keys that include it stay."""

    def pauses(self, now: Instant) -> dict[JobKey, Instant | None]:
        """Return the pauses in force at *now* as they were set, each with its end (None: until `resume`)."""
