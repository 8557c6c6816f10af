"""Files that other programs write in place are read completely, and replaced without losing a write."""

import errno
import fcntl
import multiprocessing
import os
from pathlib import Path
from typing import Any

import pytest

from scheduled.handlers.formats import safe_files as steady
from scheduled.handlers.formats.json_text import parse
from scheduled.handlers.formats.safe_files import BusyFileError, count_lines, read_settled, rewrite

fork = multiprocessing.get_context("fork")
# Python 3.12 and later warn about forking next to the threads of xdist; the children do not use them.
pytestmark = pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")


@pytest.fixture(params=["leases", "no leases", "no leases, no hard links"])
def system(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The file system of this machine, and simulated ones without leases or hard links."""
    real = fcntl.fcntl

    def refuse(fd: int, command: int, argument: int = 0) -> int:
        if command == fcntl.F_SETLEASE:
            raise OSError(errno.EINVAL, "no leases here")
        return int(real(fd, command, argument))

    def no_link(*_: Any, **__: Any) -> None:
        raise PermissionError(errno.EPERM, "no hard links here")

    if "no leases" in request.param:
        monkeypatch.setattr(fcntl, "fcntl", refuse)
    if "no hard links" in request.param:
        monkeypatch.setattr(os, "link", no_link)
    return str(request.param)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "dir" / "file.json"
    path.parent.mkdir()
    path.write_bytes(b"[1]")
    return path


@pytest.mark.usefixtures("system")
def test_an_edit_replaces_the_file(file: Path) -> None:
    before = file.stat().st_ino

    assert rewrite(file, lambda data: data + b" ") is True
    assert (file.read_bytes(), before != file.stat().st_ino) == (b"[1] ", True)
    assert [file] == list(file.parent.iterdir())


@pytest.mark.usefixtures("system")
@pytest.mark.parametrize("answer", [None, b"[1]"])
def test_without_a_change_the_file_is_not_touched(file: Path, answer: bytes | None) -> None:
    before = file.stat()

    assert rewrite(file, lambda _: answer) is False
    after = file.stat()  # reading changes only the access time
    assert (before.st_ino, before.st_ctime_ns) == (after.st_ino, after.st_ctime_ns)
    assert [file] == list(file.parent.iterdir())


@pytest.mark.usefixtures("system")
def test_content_written_after_reading_is_edited_again(file: Path) -> None:
    def edit(data: bytes) -> bytes:
        if data == b"[1]":
            # Another program replaces the file in between; a lease does not prevent that.
            other = file.with_name("other")
            other.write_bytes(b"[1, 2]")
            other.replace(file)
        return data + b" "

    rewrite(file, edit)

    assert file.read_bytes() == b"[1, 2] "


def test_a_program_that_opens_the_file_while_it_is_replaced_loses_nothing(
    file: Path, system: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file is opened after the last comparison: without a check, the data would go into the deleted old file."""
    writers = []
    real = Path.replace

    def replace(source: Path, target: Path) -> Path:
        if not writers and target == file:
            with file.open("rb") as old:
                writers.append(fork.Process(target=file.write_bytes, args=(b"[1, 2]",)))
                writers[0].start()
                if system == "leases":
                    # The kernel shows that a process waits in `open` until the lease is released.
                    while "BREAKING" not in Path("/proc/locks").read_text():
                        pass
                else:
                    while os.fstat(old.fileno()).st_size == len(b"[1]"):
                        pass
        return real(source, target)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", replace)
        rewrite(file, lambda data: parse(data) and data + b" ")

    writers[0].join()
    assert (writers[0].exitcode, file.read_bytes()) == (0, b"[1, 2] ")
    assert [file] == list(file.parent.iterdir())


def test_a_file_that_another_program_keeps_open_for_writing_is_not_changed(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(steady, "WRITER_TIMEOUT", 0.05)

    with file.open("r+b"), pytest.raises(BusyFileError):
        rewrite(file, lambda data: data + b" ")

    assert file.read_bytes() == b"[1]"


@pytest.mark.usefixtures("system")
def test_an_invalid_file_that_no_program_writes_is_an_error(file: Path) -> None:
    file.write_bytes(b"[1")

    with pytest.raises(ValueError, match=r"."):
        read_settled(file, parse)
    with pytest.raises(ValueError, match=r"."):
        rewrite(file, lambda data: str(parse(data)).encode())


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


@pytest.mark.usefixtures("system")
@pytest.mark.parametrize(
    ("data", "lines"),
    [(b"", 0), (b"a", 1), (b"a\n", 1), (b"a\nb", 2), (b"\n\n", 2), (b"a\r\nb\x0bc\xe2\x80\xa8d\n", 2)],
)
def test_lines_are_counted_as_by_readlines_in_binary_mode(file: Path, data: bytes, lines: int) -> None:
    file.write_bytes(data)

    assert (lines, len(data)) == count_lines(file)
    with file.open("rb") as opened:
        assert lines == len(opened.readlines())


def test_a_file_of_millions_of_lines_is_counted(file: Path) -> None:
    file.write_bytes(b"x\n" * 3_000_000)

    assert count_lines(file) == (3_000_000, 6_000_000)
