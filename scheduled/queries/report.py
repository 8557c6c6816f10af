"""`report`: the newest daily report."""

from contextlib import suppress
from typing import Any

from scheduled import clock
from scheduled.config.kept_zone import ZONE
from scheduled.engine import expected_ticks
from scheduled.errors import ScheduledError
from scheduled.instance import Instance
from scheduled.paths import Paths
from scheduled.state import directories
from scheduled.state.open import read_only, refuse_foreign


def report(instance: Instance) -> dict[str, Any]:
    """Return the newest daily report as Markdown; its fields are null if there is none.

    `ticks_problem` is that ticks have stopped, so that no newer report comes; otherwise null.
    Raise StateError if the state directory cannot be read, ForeignStateError if it belongs to another configuration.
    """
    paths = instance.paths
    directories.refuse_unreadable(paths)
    refuse_foreign(paths)
    made = max(paths.reports.glob("daily-*.md"), default=None, key=lambda path: path.name)
    if made is None:
        return {"path": None, "day": None, "text": None, "ticks_problem": _ticks_problem(paths)}
    return {
        "path": str(made),
        "day": made.stem.removeprefix("daily-"),
        "text": made.read_text(errors="replace"),
        "ticks_problem": _ticks_problem(paths),
    }


def _ticks_problem(paths: Paths) -> str | None:
    """Return that ticks have stopped; None if they have not, or if the ledger can't be read: `status` reports that."""
    with suppress(ScheduledError), read_only(paths) as ledger:
        found = expected_ticks.ticks(ledger, paths, clock.now())
        if found.state == "stopped":
            return expected_ticks.problem(found, ledger.meta(ZONE) or "UTC")
    return None
