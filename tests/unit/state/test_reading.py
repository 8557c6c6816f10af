"""Who looks while the very first tick makes the ledger finds it whole or not at all."""

from pathlib import Path
from typing import Any

import pytest

from scheduled.paths import Paths
from scheduled.state.open import read_only


class BornMeanwhile(type(Path())):  # type: ignore[misc]  # the platform's own kind of path
    """A ledger's file that the first tick creates, still empty, right after somebody asked for it."""

    def exists(self, **how: Any) -> bool:
        found = super().exists(**how)
        self.touch()
        return found


@pytest.mark.parametrize("already", [False, True], ids=["absent", "empty"])
def test_a_ledger_that_is_just_made_is_none_yet(tmp_path, already):
    paths = Paths(tmp_path)
    paths.ledger = BornMeanwhile(tmp_path / "ledger.db")
    if already:
        paths.ledger.touch()

    with read_only(paths) as ledger:
        rows = ledger.job_rows()

    assert not rows
