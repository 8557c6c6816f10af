"""The result file of a tick: its modification time shows until when the supervisor lived."""

import os

import pytest

from scheduled.execution import result_file
from scheduled.execution.result_file import BEAT, ResultFile


@pytest.fixture
def path(tmp_path):
    return tmp_path / "tick.jsonl"


def test_the_file_is_touched_at_most_once_in_a_beat(path, monkeypatch):
    monkeypatch.setattr(result_file.time, "monotonic", lambda: clock)
    clock, changed = 100.0, []
    with path.open("wb") as file:
        results = ResultFile(file.fileno(), -1)
        for clock in (100.0, 100.0 + BEAT / 2, 100.0 + BEAT):  # noqa: B007 - read by the patched clock
            os.utime(path, (1, 1))
            results.beat()
            changed.append(path.stat().st_mtime > 1)

    assert changed == [True, False, True]
