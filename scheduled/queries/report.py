"""`report`: the newest daily report."""

from typing import Any

from scheduled.instance import Instance
from scheduled.state import directories
from scheduled.state.open import refuse_foreign


def report(instance: Instance) -> dict[str, Any]:
    """Return the newest daily report as Markdown; all fields are null if there is none.

    Raise StateError if the state directory cannot be read, ForeignStateError if it belongs to another configuration.
    """
    paths = instance.paths
    directories.refuse_unreadable(paths)
    refuse_foreign(paths)
    made = max(paths.reports.glob("daily-*.md"), default=None, key=lambda path: path.name)
    if made is None:
        return {"path": None, "day": None, "text": None}
    return {
        "path": str(made),
        "day": made.stem.removeprefix("daily-"),
        "text": made.read_text(errors="replace"),
    }
