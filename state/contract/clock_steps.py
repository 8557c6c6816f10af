"""The part `ClockSteps` of the contract of the ledger."""

from typing import Protocol

from scheduled.core.keys import JobKey
from scheduled.core.records import SavedPosition
from scheduled.schedules.zones import Instant


class ClockSteps(Protocol):
    """Moving positions back when the clock goes back, and restoring them once the clock is right again."""

    def rewind(self, key: JobKey, position: Instant) -> None:
        """Move the position of *key* back to *position* after the clock went back, and save the old state.

        The saved state is the old position and window_start, and the verdicts and epochs after *position*. Rows that
        begin after *position* are deleted, epochs end or begin there at the latest, and window_start becomes the last
        successful slot up to there. A span across *position* is not shortened: do so with `cut`. Waiting runs of slots
        after *position* must have been closed.
        """

    def saved_positions(self) -> list[SavedPosition]:
        """Return the states that `rewind` saved, oldest first."""

    def delete_saved_position(self, saved: SavedPosition) -> None:
        """Delete a saved state: it is not restored any more."""

    def restore_positions(self, key: JobKey, until: Instant) -> None:
        """Undo the first rewind of *key* from a position at or before *until*, and all later ones.

        Restore the position, window_start, verdicts and epochs from before that rewind. Delete verdicts and epochs that
        were recorded since for instants after the rewind. Waiting runs of *key* must have been closed.
        """
