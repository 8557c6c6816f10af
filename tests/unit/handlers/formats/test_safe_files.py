"""Files that other programs write in place are read completely, and replaced without losing a write."""

import os
from pathlib import Path
from typing import Any

import pytest

from scheduled.handlers.formats import safe_files as steady
from scheduled.handlers.formats.json_text import parse
from scheduled.handlers.formats.safe_files import BusyFileError, count_lines, read_settled, rewrite
from scheduled.state.files import Parts


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "dir" / "file.json"
    path.parent.mkdir()
    path.write_bytes(b"[1]")
    return path


@pytest.mark.usefixtures("file_system")
def test_an_edit_replaces_the_file(file: Path) -> None:
    before = file.stat().st_ino

    assert rewrite(file, lambda data: [data, b" "]) is True
    assert (file.read_bytes(), before != file.stat().st_ino) == (b"[1] ", True)
    assert [file] == list(file.parent.iterdir())


@pytest.mark.usefixtures("file_system")
@pytest.mark.parametrize("answer", [None, [b"[1]"], [b"[", memoryview(b"1"), b"", b"]"]])
def test_without_a_change_the_file_is_not_touched(file: Path, answer: Parts | None) -> None:
    before = file.stat()

    assert rewrite(file, lambda _: answer) is False
    after = file.stat()  # reading changes only the access time
    assert (before.st_ino, before.st_ctime_ns) == (after.st_ino, after.st_ctime_ns)
    assert [file] == list(file.parent.iterdir())


@pytest.mark.usefixtures("file_system")
def test_content_written_after_reading_is_edited_again(file: Path) -> None:
    def edit(data: bytes) -> Parts:
        if data == b"[1]":
            # Another program replaces the file in between; a lease does not prevent that.
            other = file.with_name("other")
            other.write_bytes(b"[1, 2]")
            other.replace(file)
        return [data, b" "]

    rewrite(file, edit)

    assert file.read_bytes() == b"[1, 2] "


@pytest.mark.usefixtures("file_system")
def test_known_content_is_edited_only_if_the_file_still_has_it(file: Path) -> None:
    known, seen = b"[1]", []

    def edit(data: bytes) -> Parts:
        seen.append(data)
        return [data, b" "]

    for _ in range(2):
        rewrite(file, edit, known=known)

    assert (seen, seen[0] is known, file.read_bytes()) == ([b"[1]", b"[1] "], True, b"[1]  ")


@pytest.mark.parametrize("found", [b"[1, 2]", b"[1", b""])
def test_a_file_with_more_or_less_than_the_known_content_is_read(file: Path, found: bytes) -> None:
    file.write_bytes(found)

    rewrite(file, lambda data: [data, b"!"], known=b"[1]")

    assert file.read_bytes() == found + b"!"


def test_a_file_that_another_program_keeps_open_for_writing_is_not_changed(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(steady, "WRITER_TIMEOUT", 0.05)

    with file.open("r+b"), pytest.raises(BusyFileError):
        rewrite(file, lambda data: [data, b" "])

    assert file.read_bytes() == b"[1]"


@pytest.mark.usefixtures("file_system")
def test_an_invalid_file_that_no_program_writes_is_an_error(file: Path) -> None:
    file.write_bytes(b"[1")

    with pytest.raises(ValueError, match=r"."):
        read_settled(file, parse)
    with pytest.raises(ValueError, match=r"."):
        rewrite(file, lambda data: [str(parse(data)).encode()])


@pytest.mark.usefixtures("file_system")
@pytest.mark.parametrize("file_system", ["no leases"], indirect=True)
def test_without_leases_a_write_that_pauses_is_waited_for(file: Path) -> None:
    file.write_bytes(b"[1, ")
    reads = 0

    def finish_at_the_tenth_read(data: bytes) -> Any:
        nonlocal reads
        reads += 1
        if reads == 10:
            file.write_bytes(b"[1, 2]")
        return parse(data)

    assert read_settled(file, finish_at_the_tenth_read) == [1, 2]


@pytest.mark.usefixtures("file_system")
@pytest.mark.parametrize("file_system", ["no leases"], indirect=True)
def test_without_leases_an_old_invalid_file_is_an_error_at_once(file: Path) -> None:
    file.write_bytes(b"[1, ")
    os.utime(file, (0, 0))
    reads = []

    with pytest.raises(ValueError, match=r"."):
        read_settled(file, lambda data: (reads.append(data), parse(data)))
    assert reads == [b"[1, "]


@pytest.mark.usefixtures("file_system")
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
