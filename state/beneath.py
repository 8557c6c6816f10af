"""Opens what is beneath a directory, by descriptors, and without following the links of other users out of their files.

Directories beneath it may belong to other users, who can put a link in place of a name between two calls. So a path is
resolved once, to the descriptor of its directory, and everything that follows uses names in this descriptor. The rules
about links are those of `links`.
"""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import NamedTuple

from scheduled.state import openat2
from scheduled.state.links import RefusedError, below, walking

DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
TOP = os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC
READING = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC  # of a FIFO or a device, it does not block

# The path has a link, or `..`, or changed in this moment: only going step by step can show which.
STEP_BY_STEP = openat2.MISSING | {errno.ELOOP, errno.ENOTDIR, errno.EXDEV, errno.EAGAIN, errno.EINTR}


# The directory that `kept_open` holds open in this thread, and its descriptor.
_kept: ContextVar[tuple[str, int]] = ContextVar("_kept", default=("", -1))


class Place(NamedTuple):
    """A *name* in an open *directory*. *path* is what the place is called in messages."""

    directory: int
    name: str
    path: str

    def open(self, flags: int, mode: int = 0o666) -> int:
        """Return a descriptor of the file. Raise OSError, also if the name has become a link."""
        with _naming(self.path):
            return os.open(self.name, flags | os.O_NOFOLLOW | os.O_CLOEXEC, mode, dir_fd=self.directory)

    def stat(self) -> os.stat_result:
        """Return the state of the file or link. Raise OSError."""
        return os.stat(self.name, dir_fd=self.directory, follow_symlinks=False)

    def take(self, name: str) -> None:
        """Give the file *name* in the same directory this name, atomically. Raise OSError."""
        with _naming(self.path):
            os.replace(name, self.name, src_dir_fd=self.directory, dst_dir_fd=self.directory)

    def link(self, name: str) -> None:
        """Give the file *name* in the same directory this name too. Raise FileExistsError, OSError."""
        at = self.directory
        with _naming(self.path):
            os.link(name, self.name, src_dir_fd=at, dst_dir_fd=at, follow_symlinks=False)

    def beside(self, name: str) -> "Place":
        """Return the place *name* in the same directory."""
        return Place(self.directory, name, os.path.join(os.path.dirname(self.path), name))


def open_file(path: str | Path, inside: str | None) -> int:
    """Return a descriptor for reading *path*. Without *inside*, any link is followed; it must be a resolved path.

    Raise RefusedError if the path leads out of *inside* or through an untrusted link, OSError if it can't be opened.
    """
    return _open(str(path), inside, READING)


def open_directory(path: str | Path, inside: str | None = None) -> int:
    """Return a descriptor of the directory *path*; like `open_file` otherwise."""
    return _open(str(path), inside, DIRECTORY)


@contextmanager
def kept_open(inside: str) -> Iterator[None]:
    """Hold *inside* open: what this thread opens beneath it meanwhile takes a third less time.

    If it cannot be opened, every call opens it, and raises the error.
    """
    try:
        root = os.open(inside, TOP)
    except OSError:
        yield
        return
    before = _kept.set((inside, root))
    try:
        yield
    finally:
        _kept.reset(before)
        os.close(root)


@contextmanager
def holding(path: str | Path, inside: str | None = None) -> Iterator[int]:
    """Hold the directory *path* open; like `open_directory` otherwise."""
    fd = open_directory(path, inside)
    try:
        yield fd
    finally:
        os.close(fd)


def names_in(path: str | Path, inside: str | None) -> list[str]:
    """Return the names in the directory *path*; like `open_directory` otherwise."""
    with holding(path, inside) as fd:
        return os.listdir(fd)


def stat_of(path: str, inside: str) -> os.stat_result:
    """Return the state of the file *path*. Only a link is followed with care: this reads no content. Raise OSError."""
    found = os.lstat(path)
    if not stat.S_ISLNK(found.st_mode):
        return found
    with located(path, inside) as place:
        return place.stat()


@contextmanager
def located(path: str | Path, inside: str | None = None) -> Iterator[Place]:
    """Hold the directory open in which the file *path* is, or will be; if *path* is a link: in which its target is.

    Raise as `open_file` does.
    """
    fd, name = _located(str(path), inside)
    try:
        yield Place(fd, name, str(path))
    finally:
        os.close(fd)


def make_directory(parent: int, name: str, path: str, like: int | None = None) -> int:
    """Create the directory *name* in *parent* unless it exists; return its descriptor. *path* is for messages.

    A new one has the owner and the permissions of the open directory *like*. Raise OSError, also for a link.
    """
    made = True
    try:
        with _naming(path):
            os.mkdir(name, 0o777 if like is None else 0o700, dir_fd=parent)
    except FileExistsError:
        made = False
    fd = Place(parent, name, path).open(DIRECTORY)
    try:
        if like is not None:
            _give(fd, path, like, made=made)
    except BaseException:
        os.close(fd)
        raise
    return fd


@contextmanager
def make_directories(top: Path, names: str, inside: str) -> Iterator[int]:
    """Create the directories *names* (`a/b`) below *top* as far as they are missing, and hold the last one open.

    Raise as `open_directory` does.
    """
    fd, path = open_directory(top, inside), str(top)
    try:
        for name in names.split("/"):
            parent, path = fd, f"{path}/{name}"
            try:
                fd = open_directory(path, inside)
            except FileNotFoundError:
                fd = make_directory(parent, name, path)
            os.close(parent)
        yield fd
    finally:
        os.close(fd)


def _give(fd: int, path: str, like: int, *, made: bool) -> None:
    """Give a directory that was *made* a moment ago, or by a process that was killed then, the attributes of *like*.

    The name may belong to another directory by now. No other user can move an empty, private one of this user there.
    """
    here, model = os.fstat(fd), os.fstat(like)
    own = here.st_uid == os.geteuid() and not here.st_mode & 0o077 and not os.listdir(fd)
    if made and not own:
        raise RefusedError(f"{path}: another directory was put in place of the new one")
    if not own or not (made or here.st_uid != model.st_uid):
        return
    if (model.st_uid, model.st_gid) != (here.st_uid, here.st_gid):
        os.fchown(fd, model.st_uid, model.st_gid)
    os.fchmod(fd, stat.S_IMODE(model.st_mode))


def _located(path: str, inside: str | None) -> tuple[int, str]:
    if inside is None:
        directory, name = os.path.split(os.path.realpath(path))
        return os.open(directory, DIRECTORY), name
    directory, name = os.path.split(path)
    fd = open_directory(directory, inside)
    try:
        if not _is_link(fd, name):
            return fd, name
    except BaseException:
        os.close(fd)
        raise
    os.close(fd)
    root = os.open(inside, TOP)
    try:
        with walking(root, path, inside) as (parent, target):
            return os.open(".", DIRECTORY, dir_fd=parent), target
    finally:
        os.close(root)


def _is_link(directory: int, name: str) -> bool:
    try:
        return stat.S_ISLNK(os.stat(name, dir_fd=directory, follow_symlinks=False).st_mode)
    except FileNotFoundError:
        return False


def _open(path: str, inside: str | None, flags: int) -> int:
    if inside is None:
        return os.open(path, flags)
    with _naming(path):
        kept, root = _kept.get()
        if kept == inside:
            return _open_beneath(root, path, inside, flags)
        root = os.open(inside, TOP)
        try:
            return _open_beneath(root, path, inside, flags)
        finally:
            os.close(root)


def _open_beneath(root: int, path: str, inside: str, flags: int) -> int:
    try:
        return _open_without_links(root, below(path, inside, root), flags)
    except OSError as error:
        if isinstance(error, RefusedError) or error.errno not in STEP_BY_STEP:
            raise
    with walking(root, path, inside) as (parent, name):
        return os.open(name, flags | os.O_NOFOLLOW, dir_fd=parent)


def _open_without_links(root: int, below: str, flags: int) -> int:
    if "/" not in below:
        return os.open(below, flags | os.O_NOFOLLOW, dir_fd=root)
    return openat2.call()(root, below, flags)


class _naming:  # noqa: N801 - used like a function
    """A context manager that gives an OSError the complete path of the file; the call had only the end of it.

    It is no generator, because it is used for every file that is read.
    """

    def __init__(self, path: str) -> None:
        self.path = path

    def __enter__(self) -> None:
        pass

    def __exit__(self, _: object, error: object, __: object) -> None:
        if isinstance(error, OSError) and error.filename is not None:
            error.filename, error.filename2 = self.path, None
