"""The part `Meta` of the contract of the ledger."""

from typing import Protocol


class Meta(Protocol):
    """Values that belong to no job, and the hosts that use the ledger.

    *host* is the id of the host that uses the ledger now. The caller sets it; `Conditions.post` records it.
    """

    host: str

    def saw_host(self, host: str, name: str, at: float) -> None:
        """Record that the host with the id *host*, called *name*, had a tick at *at*."""

    def meta(self, key: str) -> str | None:
        """Return the value of *key*, or None if it has none."""

    def generation(self) -> int:
        """Return a number that grows with each transaction that changes the ledger. It is the value of `generation`."""

    def remember(self, key: str, value: str) -> None:
        """Set the value of *key*."""
