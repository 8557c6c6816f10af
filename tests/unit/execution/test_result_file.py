"""The result file of a tick: when its records are synced; its modification time shows until when the supervisor lived."""

import os
from itertools import pairwise

import pytest

from scheduled.execution import result_file
from scheduled.execution.protocol import NotStarted
from scheduled.execution.result_file import BEAT, MOST, ResultFile


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


@pytest.fixture
def synced(path, monkeypatch):
    """Return a function that appends a record at each of *times*, and returns how many records each fsync has written."""

    def appended(times, within):
        monkeypatch.setattr(result_file.time, "monotonic", lambda: clock)
        monkeypatch.setattr(
            result_file.os, "fsync", lambda _: lines.append(len(path.read_text().splitlines()))
        )
        reading, writing = os.pipe()
        lines = [0]
        with path.open("wb") as file:
            results = ResultFile(file.fileno(), writing)
            for clock in times:  # noqa: B007 - read by the patched clock
                results.append(NotStarted(run_id="a", attempt=1, reason=""))
                results.sync(within)
        os.close(reading)
        os.close(writing)
        return [after - before for before, after in pairwise(lines)]

    return appended


def test_records_that_come_one_by_one_share_an_fsync_as_long_as_they_may_wait(synced):
    times = [n / 8 for n in range(17)]  # exact in binary, and the last at 2 s

    assert synced(times, 0.5) == [5, 5, 5]  # 0 to 0.5 s, 0.625 to 1.125 s, 1.25 to 1.75 s


def test_many_records_do_not_wait(synced):
    assert synced([0.0] * (2 * MOST + 1), 0.5) == [MOST, MOST]


def test_a_record_that_may_not_wait_is_synced_at_once(synced):
    assert synced([0.0, 0.0], 0.0) == [1, 1]
