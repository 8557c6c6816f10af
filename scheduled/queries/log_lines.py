"""The lines of `scheduled.log` as entries: read in both forms, written as text."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

LINE = re.compile(r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) \| scheduled \| ([A-Z]+) \| (.*)")
STAMP = "%Y-%m-%d %H:%M:%S"

Entry = Mapping[str, Any]


def parsed(line: str, zone: str) -> dict[str, Any]:
    """Return the entry in *line*: its `time` with offset, `level` and `message`; in a line of JSON also what else it has.

    Of a line that is neither form only the message is known. A line of text is in the time of *zone*.
    """
    if line.startswith("{"):
        try:
            found = msgspec.json.decode(line, type=dict[str, Any])
        except ValueError:
            return _unknown(line)
        known = all(isinstance(found.get(key), str) for key in ("time", "level", "message"))
        return found if known else _unknown(line)
    return _of_text(line, zone)


def _of_text(line: str, zone: str) -> dict[str, Any]:
    parts = LINE.fullmatch(line)
    if parts is None:
        return _unknown(line)
    try:
        at = datetime.strptime(parts[1], STAMP).replace(tzinfo=ZoneInfo(zone))
    except ValueError:
        return _unknown(line)
    return {"time": at.isoformat(), "level": parts[2], "message": parts[3]}


def _unknown(line: str) -> dict[str, Any]:
    return {"time": None, "level": None, "message": line}


def as_text(entry: Entry, zone: str) -> str:
    """Return *entry* as a line of text, with the time in *zone*."""
    if entry["time"] is None:
        return str(entry["message"])
    try:
        at = datetime.fromisoformat(entry["time"]).astimezone(ZoneInfo(zone))
        stamp = f"{at:{STAMP}}"
    except ValueError:
        stamp = entry["time"]
    return f"{stamp} | scheduled | {entry['level']} | {entry['message']}"
