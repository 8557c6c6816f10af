"""Answers from the ledger while the configuration cannot be read: they carry the error."""

from collections.abc import Callable
from typing import Any, TypeVar

import msgspec
from mcp.types import CallToolResult, TextContent

from scheduled.advice import complete, complete_in
from scheduled.instance import Instance
from scheduled.interfaces.permissions import Permissions

Found = TypeVar("Found")


def from_ledger(permissions: Permissions, read: Callable[[Instance], Found]) -> Found:
    """Return the answer of *read*; from the ledger, with the error, if the configuration cannot be read."""
    instance = permissions.instance
    instance.without_config = True
    found = read(instance)
    if instance.config_error:
        found = _with_error(found, instance.config_error)
    return found


def _with_error(found: Any, error: str) -> Any:
    """Return the answer *found* with *error*: as the first text, and as the key `config_error` beside the fields.

    The SDK takes the `CallToolResult` in place of the document that a tool returns.
    """
    found = complete_in(found)
    fields = found if isinstance(found, dict) else {"result": found}
    texts = (f"{complete(error)}; the answer is from the ledger", msgspec.json.encode(found).decode())
    return CallToolResult(
        content=[TextContent(type="text", text=text) for text in texts],
        structured_content={**fields, "config_error": error},
    )
