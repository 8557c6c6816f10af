"""The part `StartRequests` of the contract of the ledger."""

from collections.abc import Iterable
from typing import Protocol

from scheduled.core.keys import JobKey
from scheduled.core.runs import StartRequest


class StartRequests(Protocol):
    """Start requests: recorded requests to start a job because of an event or a chain."""

    def request_start(self, row: StartRequest, at: float) -> None:
        """Add a start request at *at*. The ledger assigns a new id, and ignores the id and the instant of *row*.

        The new id is higher than that of every start request before it.
        """

    def start_requests(self, after: int = 0) -> list[StartRequest]:
        """Return the start requests that are not taken and have an id above *after*, oldest first."""

    def newest_start_request(self) -> int:
        """Return the highest id that a start request has; 0 if there is none."""

    def requested_keys(self) -> list[JobKey]:
        """Return every key that has a start request, sorted. The work does not grow with the requests of a key."""

    def oldest_start_requests(self, keys: Iterable[JobKey]) -> list[StartRequest]:
        """Return the oldest start request of each of *keys* that has one, in the order of *keys*."""

    def start_requests_of(self, key: JobKey, limit: int = -1) -> list[StartRequest]:
        """Return up to *limit* (-1: all) start requests of *key*, oldest first, but no steps of chains."""

    def count_start_requests(self, job: str) -> int:
        """Return how many start requests *job* and its targets have, but no steps of chains."""

    def take_start_request(self, request_id: int) -> bool:
        """Delete a start request; return False if another process took it first."""
