"""The keys of the snapshot that belong to this program. All other keys belong to other programs and are kept."""

from collections.abc import Mapping
from typing import Any
from zlib import crc32

import msgspec

from scheduled import idle

# The keys by path. ANY is every key of a table; a key without a table of its own owns its complete value.
ANY = "*"
WHOLE: dict[str, Any] = {}
_JOB = (
    "next_run",
    "last_run",
    "last_status",
    "run_count",
    "failure_count",
    "position",
    "window_start",
    "schedules",
)
OWN: dict[str, Any] = {
    "_idle": WHOLE,
    "version": WHOLE,
    "written_at": WHOLE,
    "next_due": WHOLE,
    "last_run": {"hourly": WHOLE, "daily_report": WHOLE},
    "memory_rollover": {"notified_files": WHOLE, "last_check": WHOLE},
    "mail_cleanup": {"last_run": WHOLE, "stats": {"auto_opened_total": WHOLE, "auto_closed_total": WHOLE}},
    "health_check": {
        "last_run": WHOLE,
        "last_status": {"healthy": WHOLE, "warnings": WHOLE, "errors": WHOLE},
    },
    "last_error": WHOLE,
    "jobs": {ANY: dict.fromkeys(_JOB, WHOLE)},
    "generation": WHOLE,
    "overridden": WHOLE,
    "paused": WHOLE,
    "muted": WHOLE,
}


def merged(found: Mapping[str, Any], new: Mapping[str, Any], own: Mapping[str, Any] = OWN) -> dict[str, Any]:
    """Return *new* with the keys of *found* that belong to other programs, also inside tables that both have."""
    result = dict(new)
    for key, value in found.items():
        inner = own.get(key, own.get(ANY))
        if inner is None:
            result[key] = value
        elif inner and isinstance(value, dict) and isinstance(new.get(key), dict):
            result[key] = merged(value, new[key], inner)
    return result


def checksum(document: Mapping[str, Any]) -> int:
    """Return a checksum of the program's own values in *document*.

    It does not depend on the layout of the file, so another program may rewrite it.
    """
    own = {key: value for key, value in _own(document, OWN).items() if key != "_idle"}
    return crc32(msgspec.json.encode(own, order="sorted"))


def checksum_with(body: int, head: list[int]) -> int:
    """Return the checksum of *head*, the other numbers of the header, and of the values with the checksum *body*."""
    return crc32(repr(head).encode(), body)


def is_unchanged(document: Mapping[str, Any], data: bytes = b"") -> bool:
    """Return whether the program's own keys are as it wrote them. Another program may have rewritten the file around them.

    *data* are the bytes of the file: earlier versions wrote a checksum of them.
    """
    numbers = idle.parse(idle.PREFIX + str(document.get("_idle")).encode() + idle.SUFFIX)
    if numbers is None:
        return False
    *head, found = numbers
    # Earlier versions wrote the checksum of the bytes behind the header, 0.1.0 without the numbers of the header.
    body = data[idle.SIZE :]
    own = checksum_with(checksum(document), head)
    return found in (own, crc32(body + repr(head).encode()), crc32(body))


def is_of(document: Mapping[str, Any], body: int) -> bool:
    """Return whether *body* is the `checksum` of *document*."""
    return checksum(document) == body


def _own(value: Any, own: Mapping[str, Any]) -> Any:
    if not own:
        return _plain(value)
    if not isinstance(value, dict):
        return value
    kept = ((key, inner, own.get(key, own.get(ANY))) for key, inner in value.items())
    return {key: _own(inner, shape) for key, inner, shape in kept if shape is not None}


def _plain(value: Any) -> Any:
    """Return *value* with whole numbers as integers: 5.0 and 5 are the same number in JSON."""
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value
