"""The part `StartRequests` of the contract of the ledger."""

from typing import Protocol

from scheduled.core.runs import StartRequest


class StartRequests(Protocol):
    """Start requests: recorded requests to start a job because of an event or a chain."""

    def request_start(self, row: StartRequest, at: float) -> None:
        """Add a start request at *at*. The ledger assigns a new id, and ignores the id and the instant of *row*."""

    def start_requests(self) -> list[StartRequest]:
        """Return the start requests that are not taken, oldest first."""

    def take_start_request(self, request_id: int) -> bool:
        """Delete a start request; return False if another process took it first."""
