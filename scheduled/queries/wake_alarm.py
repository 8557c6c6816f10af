"""The alarm that wakes the machine, as `status` and `next` show it."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from scheduled.clock import stamp
from scheduled.core.wake import META, read_alarm
from scheduled.state.ledger import Ledger


def document(ledger: Ledger, zone: str, now: float) -> dict[str, Any] | None:
    """Return the alarm that is set: the instants `at` and `due`, and the `job` that is due then; None if none is set."""
    found = read_alarm(ledger.meta(META))
    if found is None or found.at < now:
        return None
    return {"at": stamp(found.at, zone), "job": found.job, "due": stamp(found.due, zone)}


def mark(entries: Iterable[dict[str, Any]], alarm: dict[str, Any] | None) -> list[str]:
    """Add `wakes_at` to the first entry of the job that the machine wakes for; return a note about the *alarm*, if any."""
    if alarm is None:
        return []
    for entry in entries:
        if alarm["job"] in (entry["job"], f"{entry['job']}@{entry.get('target')}") and entry["runs_at"]:
            entry["wakes_at"] = alarm["at"]
            break
    at = datetime.fromisoformat(alarm["at"])
    return [f"the machine wakes at {at:%Y-%m-%d %H:%M} for {alarm['job']}"]
