"""An answer from the ledger together with the error of the configuration, which could not be read."""

from typing import Any

import msgspec
from mcp.types import CallToolResult, TextContent


def with_error(found: Any, error: str) -> Any:
    """Return the answer *found* with *error*: as the first text, and as the key `config_error` beside the fields.

    The SDK takes the `CallToolResult` in place of the document that a tool returns.
    """
    fields = found if isinstance(found, dict) else {"result": found}
    texts = (f"{error}; the answer is from the ledger", msgspec.json.encode(found).decode())
    return CallToolResult(
        content=[TextContent(type="text", text=text) for text in texts],
        structured_content={**fields, "config_error": error},
    )
