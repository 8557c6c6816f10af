"""Reading and writing single files: no read blocks, no reader sees a partial file, no crash loses one."""

import contextlib
import errno
import fcntl
import os
import stat
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from scheduled.state.beneath import Place, holding, located, open_file
from scheduled.state.links import RefusedError as RefusedError  # noqa: PLC0414 - many modules know it from here

TEMP_PREFIX, TEMP_SUFFIX = ".scheduled-", ".tmp"
SIZE_LIMIT = 100_000_000  # bytes; a mailbox of 50,000 mails has about 40 MB
CHUNK = 1 << 20  # bytes of one write call

Parts = Sequence[bytes | memoryview]  # the content of a file

# Shortages of this process or the system. A file that could not be read because of them is not damaged or missing.
SHORTAGE = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM})


def make_directories(path: Path) -> None:
    """Create the directory *path* and its missing parents with mode 0700, regardless of the umask. Raise OSError."""
    for place in reversed([place for place in (path, *path.parents) if not place.exists()]):
        place.mkdir(mode=0o700, exist_ok=True)
    path.mkdir(mode=0o700, exist_ok=True)  # raises FileExistsError if *path* is not a directory


def write_atomically(path: Path, data: bytes, *, mode: int | None = None, inside: str | None = None) -> None:
    """Write *data* to *path* atomically: a reader, also after a crash, sees the old or the new content, complete.

    Without *mode* the mode, owner and attributes stay as they are. With *mode* the file has that mode and belongs to the
    current user. A symbolic link stays, and its target is replaced. Raise OSError, with the old content intact, if it
    can't be written, RefusedError for a symbolic link that another user may have planted, or for a path that leads out
    of the directory *inside*, which must be a resolved path.
    """
    if inside is None:
        refuse_planted(path)
    with located(path, inside) as place:
        clear_leftovers(place.directory)
        with temporary(place, [data], mode=mode) as temp:
            place.take(temp)
        os.fsync(place.directory)


def create_atomically(place: Place, data: bytes, prepare: Callable[[int], None]) -> None:
    """Create the file at *place* with *data* atomically. Raise FileExistsError if it exists.

    *prepare* is called with the descriptor of the file, to set its owner and mode. The directory is not synced: do that
    once after the last of several files.
    """
    with temporary(place, [data], prepare=prepare) as temp:
        try:
            place.link(temp)
        except OSError as error:
            if isinstance(error, FileExistsError) or _exists(place):
                raise
            # This file system has no hard links. The name was free a moment ago, and the caller holds a lock.
            place.take(temp)


def _exists(place: Place) -> bool:
    try:
        place.stat()
    except FileNotFoundError:
        return False
    return True


@contextlib.contextmanager
def temporary(
    place: Place, parts: Parts, *, mode: int | None = None, prepare: Callable[[int], None] | None = None
) -> Iterator[str]:
    """Write *parts* to a new file in the directory of *place*, sync it, and yield its name.

    The file has the mode *mode*, or the owner and mode that *prepare* sets; without both, the mode, owner and attributes
    of the file at *place*. On exit it is removed unless the caller renamed it. It is locked until then, so that
    `clear_leftovers` does not remove it.
    """
    temp, fd = _create_locked(place, 0o666 if mode is None else mode)
    try:
        if mode is not None:
            os.fchmod(fd, mode)
        elif prepare is not None:
            prepare(fd)
        else:
            copy_attributes(fd, place)
        for part in parts:
            write_all(fd, part)
        os.fsync(fd)
        yield temp
    finally:
        with contextlib.suppress(OSError):  # `clear_leftovers` removes it later
            os.unlink(temp, dir_fd=place.directory)
        os.close(fd)


def _create_locked(place: Place, mode: int) -> tuple[str, int]:
    while True:
        temp = temporary_name()
        fd = place.beside(temp).open(os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with contextlib.suppress(OSError):  # without locks `clear_leftovers` removes nothing
            fcntl.flock(fd, fcntl.LOCK_EX)
        if os.fstat(fd).st_nlink:
            return temp, fd
        os.close(fd)  # `clear_leftovers` removed it before it was locked


def temporary_name() -> str:
    """Return a unique name for a temporary file, with the affixes that `is_temporary` recognises."""
    return f"{TEMP_PREFIX}{os.urandom(8).hex()}{TEMP_SUFFIX}"


def write_all(fd: int, data: bytes | memoryview) -> None:
    """Write all of *data* to *fd*, with as many calls as partial writes need."""
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view[:CHUNK]) :]


def copy_attributes(fd: int, place: Place) -> None:
    """Set owner, mode and extended attributes of the open file *fd* to those at *place*; do nothing if that is missing.

    Raise OSError, also if there is a link.
    """
    try:
        model = place.open(os.O_PATH)
    except FileNotFoundError:
        return
    try:
        _copy_attributes(fd, model)
    finally:
        os.close(model)


def _copy_attributes(fd: int, model: int) -> None:
    here, there = os.fstat(fd), os.fstat(model)
    if stat.S_ISLNK(there.st_mode):
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
    if (here.st_uid, here.st_gid) != (there.st_uid, there.st_gid):
        os.fchown(fd, there.st_uid, there.st_gid)
    os.fchmod(fd, stat.S_IMODE(there.st_mode))
    # ACLs and user attributes. Best effort: not every file system has them.
    with contextlib.suppress(OSError):
        named = f"/proc/self/fd/{model}"  # a descriptor that was opened without reading gives none itself
        for name in os.listxattr(named):
            os.setxattr(fd, name, os.getxattr(named, name))


def clear_leftovers(directory: int) -> None:
    """Remove the temporary files that killed processes left in an open directory. Best effort: errors are ignored."""
    with contextlib.suppress(OSError), os.scandir(directory) as entries:
        for entry in entries:
            if is_temporary(entry.name):
                remove_leftover(directory, entry.name)


def is_temporary(name: str) -> bool:
    """Return whether *name* is the name of a temporary file of this program."""
    return name.startswith(TEMP_PREFIX) and name.endswith(TEMP_SUFFIX)


def remove_leftover(directory: int, name: str) -> None:
    """Remove a temporary file unless a live process holds its lock. Best effort: errors are ignored."""
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC
    with contextlib.suppress(OSError):
        fd = os.open(name, flags, dir_fd=directory)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.unlink(name, dir_fd=directory)
        finally:
            os.close(fd)


def sync_directory(directory: Path) -> None:
    """Sync *directory*, so that files renamed in it survive a power failure."""
    with holding(directory) as fd:
        os.fsync(fd)


def open_regular(path: str | Path, *, inside: str | None = None) -> int:
    """Open *path* for reading and return the descriptor; do not block on a FIFO or a device.

    Raise RefusedError if it is not a regular file, or if it is not inside the directory *inside*, which must be a
    resolved path. Raise OSError if it can't be opened.
    """
    return checked(open_file(path, inside), path)


def checked(fd: int, path: str | Path) -> int:
    """Return the descriptor of a regular file; otherwise close it and raise RefusedError, naming *path*."""
    if stat.S_ISREG(os.fstat(fd).st_mode):
        return fd
    os.close(fd)
    raise RefusedError(f"{path}: not a regular file")


def read_regular(path: str | Path, *, inside: str | None = None, limit: int = SIZE_LIMIT) -> bytes:
    """Return the content of *path*. Raise as `open_regular` does, and RefusedError for more than *limit* bytes."""
    fd = open_regular(path, inside=inside)
    try:
        return read_open(fd, path, limit=limit)
    finally:
        os.close(fd)


def read_open(fd: int, path: str | Path, *, limit: int = SIZE_LIMIT) -> bytes:
    """Return the content of the open file *fd* from its start. Raise RefusedError, naming *path*, above *limit* bytes."""
    size = os.fstat(fd).st_size
    if size > limit:
        raise RefusedError(f"{path}: too large: {size} bytes, and at most {limit} are read")
    parts, at, full = [], 0, True
    while full:
        wanted = max(size - at, 0) + 1
        part = os.pread(fd, wanted, at)
        parts.append(part)
        at += len(part)
        if at > limit:
            raise RefusedError(f"{path}: too large: it grew beyond {limit} bytes while it was read")
        full = len(part) == wanted  # a short read means the end: no further call is needed
    return b"".join(parts)


def refuse_planted(path: Path) -> None:
    """Raise RefusedError for an untrusted symbolic link in a directory that is writable by all users.

    A link of the current user, root or the owner of the directory is trusted (compare fs.protected_symlinks of Linux).
    """
    try:
        link, directory = path.lstat(), path.parent.stat()
    except OSError:
        return
    trusted = (0, os.geteuid(), directory.st_uid)
    if stat.S_ISLNK(link.st_mode) and directory.st_mode & stat.S_IWOTH and link.st_uid not in trusted:
        raise RefusedError(
            f"{path}: not followed: a symbolic link of user {link.st_uid} in a directory that is writable by all users"
        )
