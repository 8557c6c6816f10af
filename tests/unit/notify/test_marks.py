"""Marks prove deliveries that the ledger could not record."""

import os
import time
from pathlib import Path

from scheduled.notify.marks import NAME, OLD, Marks


def test_a_mark_stays_until_it_is_dropped_and_leaves_nothing(tmp_path: Path) -> None:
    marks = Marks(tmp_path)
    marks.put("a")
    marks.put("b")

    assert (marks.has("a"), Marks(tmp_path).has("b"), marks.has("c")) == (True, True, False)
    marks.drop("a")
    assert (marks.has("a"), marks.has("b")) == (False, True)
    marks.drop("b")
    assert not (tmp_path / NAME).exists()


def test_old_marks_are_removed_with_another_one(tmp_path: Path) -> None:
    marks = Marks(tmp_path)
    marks.put("old")
    before = time.time() - OLD - 1
    os.utime(tmp_path / NAME / "old", (before, before))
    marks.put("new")

    marks.drop("new")

    assert not (tmp_path / NAME).exists()


def test_a_mark_that_cannot_be_written_is_no_error(tmp_path: Path) -> None:
    (tmp_path / NAME).write_text("a file")

    Marks(tmp_path).put("a")

    assert not Marks(tmp_path).has("a")
