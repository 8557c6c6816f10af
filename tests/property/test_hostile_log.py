"""Logs of any size and content are counted in bounded memory and without a crash."""

import os
import time
import tracemalloc
from collections import Counter
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scheduled.handlers.formats.safe_files import count_lines
from scheduled.handlers.workspace import logs
from scheduled.handlers.workspace.logs import PIECE, Window, _count, _count_end
from scheduled.state.links import RefusedError
from tests.fixtures.in_process_cli import NIGHTLY
from tests.fixtures.sample_workspace import NOW

EXAMPLES = 1000 if NIGHTLY else 60
WINDOW = Window(NOW, timedelta(hours=1), ZoneInfo("UTC"))
GIGABYTE = 1 << 30
MEMORY = 8 * PIECE  # bytes, for a log of any size
LINES = st.sampled_from(
    [
        b"2026-02-03 13:30:00 | x | ERROR | text",
        b"2026-02-03 13:30:00.123 - x - WARNING - text",
        b"2026-02-03T13:59:00 [CRITICAL] text",
        b"2026-02-03 09:00:00 | x | ERROR | old",
        b"9999-99-99 99:99:99 | x | ERROR | no day",
        b"0000-00-00 00:00:00 | x | ERROR | no day",
        b"Traceback (most recent call last):",
        b"\xff\xfe\x00" * 50,
        b"x" * 9000,
        b"",
    ]
) | st.binary(max_size=80)


def counted(path, window=WINDOW):
    levels = Counter()
    fd = os.open(path, os.O_RDONLY)
    try:
        whole = _count_end(fd, window, levels)
    finally:
        os.close(fd)
    return whole, dict(levels)


def peak_of(work):
    tracemalloc.start()
    try:
        return work(), tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@given(st.lists(LINES, max_size=60), st.integers(5, 400), st.sampled_from([b"\n", b"\r\n", b""]))
@settings(max_examples=EXAMPLES, deadline=None)
def test_a_log_read_in_pieces_of_any_size_gives_the_same_counts(tmp_path_factory, lines, piece, end):
    path = tmp_path_factory.mktemp("log") / "x.log"
    data = b"\n".join(lines) + end
    path.write_bytes(data)
    everything = Window(NOW, timedelta(days=10_000), ZoneInfo("UTC"))  # no line is too old
    expected = Counter()
    _count(data, everything, expected)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(logs, "FIRST_TAIL", 200 + piece)
        patch.setattr(logs, "PIECE", 200 + piece)
        found = counted(path, everything)

    assert found == (True, dict(expected))


def test_of_a_gigabyte_without_a_line_only_the_end_is_read(tmp_path):
    path = tmp_path / "x.log"
    with path.open("wb") as file:
        file.truncate(GIGABYTE - 1000)
        file.seek(GIGABYTE - 1000)
        file.write(b"\n2026-02-03 13:30:00 | x | ERROR | text\n")

    found, peak = peak_of(lambda: counted(path))

    assert found == (False, {"ERROR": 1})
    assert peak < MEMORY


def test_a_busy_hour_of_a_hundred_megabytes_is_counted_completely(tmp_path):
    line = b"2026-02-03 13:30:00 | x | ERROR | " + b"x" * 965 + b"\n"
    path = tmp_path / "x.log"
    with path.open("wb") as file:
        for _ in range(100):
            file.write(line * 1000)
    began = time.process_time()

    found, peak = peak_of(lambda: counted(path))

    assert found == (True, {"ERROR": 100_000})
    assert peak < MEMORY
    assert time.process_time() - began < 60


def test_a_memory_file_of_a_gigabyte_is_refused(tmp_path):
    path = tmp_path / "X.local.json"
    with path.open("wb") as file:
        file.write(b"{\n")
        file.truncate(GIGABYTE)

    def refused():
        with pytest.raises(
            RefusedError, match="too large: 1073741824 bytes, and at most 100000000 are counted"
        ):
            count_lines(path)

    _, peak = peak_of(refused)

    assert peak < MEMORY
