"""A reader does not see a ledger that the first tick is still creating."""

from pathlib import Path
from typing import Any

import pytest

from scheduled.paths import Paths
from scheduled.state.open import read_only


class CreatedAfterTheCheck(type(Path())):  # type: ignore[misc]  # the platform's own kind of path
    """The path of a ledger that another process creates, still empty, right after a call of `exists`."""

    def exists(self, **how: Any) -> bool:
        found = super().exists(**how)
        self.touch()
        return found


@pytest.mark.parametrize("already", [False, True], ids=["absent", "empty"])
def test_a_ledger_that_is_being_created_does_not_exist_yet(tmp_path, already):
    paths = Paths(tmp_path)
    paths.ledger = CreatedAfterTheCheck(tmp_path / "ledger.db")
    if already:
        paths.ledger.touch()

    with read_only(paths) as ledger:
        rows = ledger.job_rows()

    assert not rows
