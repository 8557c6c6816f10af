"""Files that another program writes at the same moment are read whole, and none of its content is lost."""

import multiprocessing
import os
from pathlib import Path
from typing import Any

import pytest

from scheduled.handlers.formats.json_text import parse
from scheduled.handlers.formats.safe_files import read_settled, rewrite

fork = multiprocessing.get_context("fork")


# Python 3.12 and later warn about forking next to the threads of xdist; the children do not use them.
pytestmark = pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "dir" / "file.json"
    path.parent.mkdir()
    path.write_bytes(b"[1]")
    return path


def test_a_program_that_opens_the_file_while_it_is_replaced_loses_nothing(
    file: Path, file_system: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file is opened after the last comparison: without a check, the data would go into the deleted old file."""
    writers = []
    real = os.replace

    def replace(source: str, target: str, **named: Any) -> None:
        if not writers and target == file.name:
            with file.open("rb") as old:
                writers.append(fork.Process(target=file.write_bytes, args=(b"[1, 2]",)))
                writers[0].start()
                if file_system == "leases":
                    # The kernel shows that a process waits in `open` until the lease is released.
                    while "BREAKING" not in Path("/proc/locks").read_text():
                        pass
                else:
                    while os.fstat(old.fileno()).st_size == len(b"[1]"):
                        pass
        return real(source, target, **named)

    with monkeypatch.context() as patched:
        patched.setattr(os, "replace", replace)
        rewrite(file, lambda data: parse(data) and [data + b" "])

    writers[0].join()
    assert (writers[0].exitcode, file.read_bytes()) == (0, b"[1, 2] ")
    assert [file] == list(file.parent.iterdir())


def slow_writer(path: Path, started: Any, proceed: Any) -> None:
    with path.open("wb") as opened:
        opened.write(b"[1, ")
        opened.flush()
        started.set()
        proceed.wait(10)
        opened.write(b"2]\n")


def test_reading_waits_for_the_end_of_an_unfinished_write(file: Path) -> None:
    started, proceed = fork.Event(), fork.Event()
    writer = fork.Process(target=slow_writer, args=(file, started, proceed))
    writer.start()
    started.wait(10)
    contents = []

    def parse_and_proceed(data: bytes) -> Any:
        contents.append(data)
        proceed.set()
        return parse(data)

    assert read_settled(file, parse_and_proceed) == [1, 2]
    assert contents[0] == b"[1, "
    writer.join()
