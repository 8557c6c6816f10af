"""Files are replaced atomically, keep their mode and owner, and never block the reader."""

import os
import stat
from pathlib import Path

import pytest

from scheduled.state.beneath import holding, located
from scheduled.state.files import (
    RefusedError,
    clear_leftovers,
    copy_attributes,
    create_atomically,
    open_regular,
    read_regular,
    temporary,
    write_atomically,
)


def unchanged(fd: int) -> None:
    """Prepare a new file: it keeps its owner and mode."""


def test_a_new_file_has_the_given_mode(tmp_path: Path) -> None:
    write_atomically(tmp_path / "new", b"text", mode=0o600)

    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o600
    assert (tmp_path / "new").read_bytes() == b"text"


def test_a_new_file_without_a_given_mode_respects_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        write_atomically(tmp_path / "new", b"text")
    finally:
        os.umask(before)

    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o640


def test_a_replaced_file_keeps_its_mode_and_owner(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    path.chmod(0o604)
    if os.geteuid() == 0:
        os.chown(path, 4242, 4343)
    before = path.stat()

    write_atomically(path, b"new")

    after = path.stat()
    expected = (before.st_mode, before.st_uid, before.st_gid, b"new")
    assert expected == (after.st_mode, after.st_uid, after.st_gid, path.read_bytes())


def test_a_symlink_stays_and_its_target_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    target, link = tmp_path / "there" / "target", tmp_path / "link"
    target.write_bytes(b"old")
    link.symlink_to("there/target")

    write_atomically(link, b"new")

    assert link.is_symlink()
    assert target.read_bytes() == b"new"


@pytest.mark.parametrize("call", ["write", "fsync", "replace", "fchmod"])
def test_a_failing_call_leaves_the_old_file_and_no_temporary_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")

    def fail(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, call, fail)
        with pytest.raises(OSError, match="No space left"):
            write_atomically(path, b"new")

    assert ([path], b"old") == ([p for p in tmp_path.iterdir() if p.is_file()], path.read_bytes())


def test_creating_a_file_never_replaces_one(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")

    with located(path) as place, pytest.raises(FileExistsError):
        create_atomically(place, b"new", unchanged)

    assert ([path], b"old") == ([p for p in tmp_path.iterdir() if p.is_file()], path.read_bytes())


def test_creating_works_without_hard_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)

    with located(tmp_path / "file") as place:
        create_atomically(place, b"new", unchanged)

    assert (tmp_path / "file").read_bytes() == b"new"


def test_a_created_file_has_the_mode_of_its_model(tmp_path: Path) -> None:
    model = tmp_path / "model"
    model.touch(mode=0o600)

    with located(tmp_path / "file") as place, located(model) as other:
        create_atomically(place, b"new", lambda fd: copy_attributes(fd, other))

    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o600


def test_only_the_temporary_files_of_a_killed_writer_are_removed(tmp_path: Path) -> None:
    for name in (".scheduled-0123.tmp", "inbox.json", ".scheduled-notes"):
        (tmp_path / name).touch()

    with holding(tmp_path) as directory:
        clear_leftovers(directory)

    kept = {path.name for path in tmp_path.iterdir() if path.is_file()}
    assert {"inbox.json", ".scheduled-notes"} == kept


def test_the_temporary_file_of_a_live_writer_is_not_removed(tmp_path: Path) -> None:
    with located(tmp_path / "file") as place, temporary(place, [b"new"]) as temp:
        clear_leftovers(place.directory)

        assert (tmp_path / temp).read_bytes() == b"new"


def test_writing_a_file_removes_leftovers_in_its_directory(tmp_path: Path) -> None:
    (tmp_path / ".scheduled-0123.tmp").touch()

    write_atomically(tmp_path / "file", b"new")

    assert not (tmp_path / ".scheduled-0123.tmp").exists()


@pytest.mark.timeout(5)
def test_a_file_that_is_not_regular_is_refused_without_blocking(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")

    for path in (tmp_path / "fifo", tmp_path, Path("/dev/zero")):
        with pytest.raises(RefusedError, match="not a regular file"):
            open_regular(path)


def test_a_link_out_of_the_allowed_directory_is_refused(tmp_path: Path) -> None:
    inside, outside = tmp_path / "in", tmp_path / "out"
    inside.mkdir()
    outside.mkdir()
    (outside / "file").write_bytes(b"text")
    (inside / "link").symlink_to(outside / "file")
    (inside / "dir").symlink_to(outside)
    (inside / "own").write_bytes(b"text")
    (inside / "near").symlink_to("own")

    for path in (inside / "link", inside / "dir" / "file"):
        with pytest.raises(RefusedError, match="is a link to outside"):
            read_regular(path, inside=str(inside))
    assert read_regular(inside / "near", inside=str(inside)) == b"text"


def test_a_directory_with_the_same_prefix_is_not_inside(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "file").write_bytes(b"text")

    with pytest.raises(RefusedError, match="is a link to outside"):
        read_regular(tmp_path / "inner" / "file", inside=str(tmp_path / "in"))


def test_a_file_over_the_limit_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"12345")

    with pytest.raises(RefusedError, match="5 bytes, and at most 4 are read"):
        read_regular(tmp_path / "file", limit=4)
    assert read_regular(tmp_path / "file", limit=5) == b"12345"


def test_a_sparse_file_of_one_terabyte_is_refused_without_reading_it(tmp_path: Path) -> None:
    with (tmp_path / "file").open("wb") as file:
        file.truncate(1 << 40)

    with pytest.raises(RefusedError):
        read_regular(tmp_path / "file")
