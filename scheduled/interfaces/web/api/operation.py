"""One operation of the REST interface, and its validated arguments."""

from collections.abc import Callable
from typing import Any

import msgspec

from scheduled.instance import Instance
from scheduled.interfaces.web.api import requests

# Every operation has both prefixes: existing clients use one or the other.
PREFIXES = ("/api/daemon", "/api")


class Arguments(msgspec.Struct, frozen=True):
    """The validated arguments of a request: *name* is the job or run in the path, *body* the decoded JSON as sent."""

    name: str
    query: Any
    body: dict[str, Any]


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """An operation: its method and path, the function to call, and the types of query, body and answer.

    With *from_ledger* it answers from the ledger if the configuration cannot be read.
    """

    method: str
    path: str
    summary: str
    call: Callable[[Instance, Arguments], Any]
    answer: Any
    query: type[requests.Query] = requests.Query
    body: type[msgspec.Struct] | None = None
    status: int = 200
    prefixes: tuple[str, ...] = PREFIXES
    from_ledger: bool = False
