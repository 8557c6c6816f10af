"""Whether the record of when mails were opened, a file in the state directory, was lost.

The handler that writes the file counts that it did so in its running totals. Without them nothing was recorded yet, and
a missing file is no loss.
"""

from collections.abc import Mapping
from pathlib import Path

from scheduled.state.ledger import Conditions

NAME = "opened_mails.json"
RECORDED = "opened_mails_recorded"  # the running total: how often a handler found that its file exists


def was_written(totals: Mapping[str, int]) -> bool:
    """Return whether the job with these running *totals* wrote the record once."""
    return totals.get(RECORDED, 0) > 0


def lost(ledger: Conditions, root: Path) -> str | None:
    """Return a message if the record of the state directory *root* was written and does not exist any more, else None."""
    path = root / NAME
    if path.exists() or not any(map(was_written, ledger.totals().values())):
        return None
    return f"{path}: is lost; from the next sweep on, mails that are open then count as opened then"
