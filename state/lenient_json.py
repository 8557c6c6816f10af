"""Read what other JSON tools write and msgspec refuses: a byte order mark, NaN, half of a surrogate pair."""

import json
import math
from typing import Any


def read(data: bytes) -> Any:
    """Return the JSON value in *data*, None if it has none."""
    try:
        return _plain(json.loads(data.decode("utf-8-sig", "replace")))
    except (ValueError, RecursionError):
        return None


def _plain(value: Any) -> Any:
    """Return *value* in strict JSON: numbers that it does not have are null, half characters are question marks."""
    if isinstance(value, dict):
        return {_plain(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value.encode(errors="replace").decode() if isinstance(value, str) else value
