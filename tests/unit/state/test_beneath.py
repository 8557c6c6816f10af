"""Paths beneath a directory: which links are followed, and what another user's link leads to."""

import errno
import os
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from scheduled.state import openat2
from scheduled.state.beneath import (
    holding,
    kept_open,
    located,
    make_directories,
    make_directory,
    names_in,
    open_file,
    stat_of,
)
from scheduled.state.files import RefusedError, read_regular, write_atomically

ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root can make files of other users")
OTHER, THIRD = 4711, 4712


@pytest.fixture(params=["openat2", "no openat2", "forbidden"], autouse=True)
def kernel(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel of this machine, one without openat2, and a container that forbids it."""
    codes = {"no openat2": errno.ENOSYS, "forbidden": errno.EPERM}
    if request.param in codes:

        def refuse(*_: object) -> int:
            raise OSError(codes[request.param], "no openat2")

        monkeypatch.setattr(openat2, "call", lambda: refuse)


@pytest.fixture(params=["opened each time", "kept open"])
def top(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    """A directory with `a/b/file`, and a file outside."""
    (tmp_path / "top/a/b").mkdir(parents=True)
    (tmp_path / "top/a/b/file").write_bytes(b"text")
    (tmp_path / "outside").write_bytes(b"secret")
    with kept_open(str(tmp_path / "top")) if request.param == "kept open" else nullcontext():
        yield tmp_path / "top"


def content(path: Path, top: Path) -> bytes:
    return read_regular(path, inside=str(top))


def link(path: Path, target: str | Path, owner: int = -1) -> Path:
    path.symlink_to(target)
    os.lchown(path, owner, owner)
    return path


@pytest.mark.parametrize("target", ["b/file", "../a/b/file", "./b//file", "{top}/a/b/file", "b/../b/file"])
def test_a_link_that_stays_beneath_the_directory_is_followed(top: Path, target: str) -> None:
    path = link(top / "a/link", target.format(top=top))

    assert (content(path, top), stat_of(str(path), str(top)).st_size) == (b"text", 4)


def test_a_directory_that_is_a_link_is_followed(top: Path) -> None:
    link(top / "near", "a/b")

    assert (content(top / "near/file", top), names_in(top / "near", str(top))) == (b"text", ["file"])


@pytest.mark.parametrize(
    "target", ["../../outside", "../../top/../outside", "{top}/../outside", "/etc/hostname", "/"]
)
def test_a_link_out_of_the_directory_is_refused(top: Path, target: str) -> None:
    path = link(top / "a/link", target.format(top=top))

    for use in (
        content,
        lambda p, t: write_atomically(p, b"x", inside=str(t)),
        lambda p, t: stat_of(str(p), str(t)),
    ):
        with pytest.raises(RefusedError, match="is a link to outside"):
            use(path, top)
    assert (top.parent / "outside").read_bytes() == b"secret"


def test_a_path_out_of_the_directory_is_refused(top: Path) -> None:
    for path in (top / "../outside", top.parent / "outside", top / "a/b/../../../outside"):
        with pytest.raises(RefusedError, match="is a link to outside"):
            open_file(path, str(top))


def test_a_loop_of_links_is_an_error_with_the_path(top: Path) -> None:
    link(top / "a/one", "two")
    link(top / "a/two", "one")

    with pytest.raises(OSError, match="Too many levels of symbolic links") as failed:
        content(top / "a/one", top)
    assert failed.value.filename == str(top / "a/one")


@pytest.mark.parametrize("path", ["a/b/none", "a/none/file", "none", "a/b/file/none"])
def test_a_missing_file_is_named_with_its_path(top: Path, path: str) -> None:
    with pytest.raises((FileNotFoundError, NotADirectoryError)) as failed:
        content(top / path, top)

    assert failed.value.filename == str(top / path)


def test_a_directory_that_is_known_by_a_link_is_the_same(top: Path) -> None:
    known = link(top.parent / "known", "top")

    assert content(known / "a/b/file", top) == b"text"
    write_atomically(known / "a/new", b"x", inside=str(top))
    assert (top / "a/new").read_bytes() == b"x"


def test_a_file_behind_a_link_is_replaced_and_the_link_stays(top: Path) -> None:
    path = link(top / "link", "a/b/file")

    write_atomically(path, b"new", inside=str(top))

    assert (path.is_symlink(), (top / "a/b/file").read_bytes()) == (True, b"new")


# Links of another user


@ROOT
@pytest.mark.parametrize("owner", [OTHER, 0])
def test_the_link_of_another_user_is_followed_only_to_files_of_that_user(top: Path, owner: int) -> None:
    os.chown(top / "a", OTHER, OTHER)
    os.chown(top / "a/b", owner, owner)
    os.chown(top / "a/b/file", owner, owner)
    path = link(top / "a/link", "b/file", OTHER)

    if owner == OTHER:
        assert content(path, top) == b"text"
    else:
        with pytest.raises(
            RefusedError, match=r"link: not followed: a link of user 4711 to a file of another user"
        ):
            content(path, top)
        with pytest.raises(RefusedError, match="of another user"):
            write_atomically(path, b"x", inside=str(top))


@ROOT
def test_through_links_of_two_users_nothing_is_reached(top: Path) -> None:
    os.chown(top / "a/b/file", OTHER, OTHER)
    link(top / "one", "two", OTHER)
    link(top / "two", "a/b/file", THIRD)

    with pytest.raises(RefusedError, match="of another user"):
        content(top / "one", top)


@ROOT
@pytest.mark.parametrize("target", ["../new", "new"])
def test_no_file_is_created_in_a_directory_of_another_user_through_a_link(top: Path, target: str) -> None:
    os.chown(top / "a", 0, 0)
    path = link(top / "a/link", target, OTHER)

    with pytest.raises(RefusedError, match="of another user"):
        write_atomically(path, b"x", inside=str(top))
    assert not [*top.rglob("new")]


@ROOT
def test_links_of_the_owner_of_the_directory_are_followed(top: Path) -> None:
    os.chown(top, OTHER, OTHER)
    path = link(top / "a/link", "b/file", OTHER)

    assert content(path, top) == b"text"


# Directories


def test_missing_directories_are_created_also_behind_a_link(top: Path) -> None:
    link(top / "near", "a")

    with make_directories(top, "near/c/d", str(top)) as fd:
        assert os.path.samestat(os.fstat(fd), (top / "a/c/d").stat())


def test_no_directory_is_created_outside(top: Path) -> None:
    link(top / "away", top.parent)

    with pytest.raises(RefusedError), make_directories(top, "away/c", str(top)):
        pass
    assert not (top.parent / "c").exists()


@ROOT
@pytest.mark.parametrize("left", [False, True])
def test_a_new_directory_belongs_to_the_owner_of_its_model(top: Path, *, left: bool) -> None:
    """*left*: a process was killed before it gave the directory away."""
    (top / "a").chmod(0o750)
    os.chown(top / "a", OTHER, THIRD)
    if left:
        (top / "a/sent").mkdir(0o700)

    with holding(top / "a") as home:
        os.close(make_directory(home, "sent", "sent", like=home))

    found = (top / "a/sent").stat()
    assert (found.st_uid, found.st_gid, found.st_mode & 0o777) == (OTHER, THIRD, 0o750)


@ROOT
def test_a_directory_that_is_in_use_keeps_its_owner_and_mode(top: Path) -> None:
    os.chown(top / "a", OTHER, OTHER)
    (top / "a/b").chmod(0o700)

    with holding(top / "a") as home:
        os.close(make_directory(home, "b", "b", like=home))

    assert ((top / "a/b").stat().st_uid, (top / "a/b").stat().st_mode & 0o777) == (0, 0o700)


@ROOT
def test_a_directory_put_in_place_of_a_new_one_is_not_given_away(
    top: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.chown(top / "a", OTHER, OTHER)
    monkeypatch.setattr(os, "mkdir", lambda *_, **__: None)  # as if another user had moved `b` to the name

    with holding(top / "a") as home, pytest.raises(RefusedError, match="in place of the new one"):
        make_directory(home, "b", "b", like=home)

    assert (top / "a/b").stat().st_uid == 0


def test_no_descriptor_stays_open(top: Path) -> None:
    link(top / "a/away", "../../outside")
    link(top / "a/near", "b/file")
    before = os.listdir("/proc/self/fd")

    for name in ("away", "near", "none", "b/file", "b"):
        try:
            with located(top / "a" / name, str(top)):
                pass
            content(top / "a" / name, top)
        except OSError:
            pass

    assert len(os.listdir("/proc/self/fd")) == len(before)


def test_a_directory_that_is_kept_open_is_opened_once_and_closed(
    top: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[object] = []

    def open_(path: object, *arguments: int, real: Any = os.open, **more: int) -> int:
        opened.append(path)
        found: int = real(path, *arguments, **more)
        return found

    before = os.listdir("/proc/self/fd")
    monkeypatch.setattr(os, "open", open_)
    with kept_open(str(top)):
        assert [content(top / "a/b/file", top), content(top / "a/b/file", top)] == [b"text"] * 2
    assert opened.count(str(top)) == 1
    assert content(top / "a/b/file", top) == b"text"
    assert os.listdir("/proc/self/fd") == before


def test_another_directory_than_the_one_that_is_kept_open_has_its_own_files(top: Path) -> None:
    with kept_open(str(top / "a")):
        assert content(top / "a/b/file", top) == b"text"
        with pytest.raises(RefusedError):
            content(top.parent / "outside", top)


def test_a_directory_that_cannot_be_kept_open_is_an_error_of_each_file(top: Path) -> None:
    with kept_open(str(top / "gone")), pytest.raises(FileNotFoundError, match="gone"):
        content(top / "gone/file", top / "gone")
