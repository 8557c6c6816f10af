"""The part of `status` about cron."""

from typing import Any

from scheduled.clock import stamp
from scheduled.engine.expected_ticks import Ticks


def document(found: Ticks, zone: str) -> dict[str, Any]:
    """Return *found* in the form of `status`, with instants in *zone*."""
    since = found.now if found.since is None else found.since
    return {
        "last": stamp(found.last, zone),
        "seconds_ago": None if found.last is None else int(found.now - found.last),
        "expected_every_seconds": found.cadence.seconds,
        "overdue_seconds": found.overdue,
        "running": found.running,
        "uptime_seconds": max(0, int(found.now - since)) if found.running else 0,
        "tick_count": found.count,
        "state": found.state,
        "cadence_source": found.cadence.source,
        "installed_at": stamp(found.installed_at, zone),
    }
