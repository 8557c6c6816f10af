"""Reading and writing single files: no read blocks, no reader sees a partial file, no crash loses one."""

import contextlib
import errno
import fcntl
import os
import stat
from collections.abc import Iterator
from pathlib import Path

TEMP_PREFIX, TEMP_SUFFIX = ".scheduled-", ".tmp"
SIZE_LIMIT = 100_000_000  # bytes; a mailbox of 50,000 mails has about 40 MB
CHUNK = 1 << 20  # bytes of one write call

# Shortages of this process or the system. A file that could not be read because of them is not damaged or missing.
SHORTAGE = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM})


def make_directories(path: Path) -> None:
    """Create the directory *path* and its missing parents with mode 0700, regardless of the umask. Raise OSError."""
    for place in reversed([place for place in (path, *path.parents) if not place.exists()]):
        place.mkdir(mode=0o700, exist_ok=True)
    path.mkdir(mode=0o700, exist_ok=True)  # raises FileExistsError if *path* is not a directory


class RefusedError(OSError):
    """A file is not read or written because of what it is: not regular, too large, or outside the allowed directory."""


def write_atomically(path: Path, data: bytes, *, mode: int | None = None) -> None:
    """Write *data* to *path* atomically: a reader, also after a crash, sees the old or the new content, complete.

    Without *mode* the mode, owner and attributes stay as they are. With *mode* the file has that mode and belongs to the
    current user. A symbolic link stays, and its target is replaced. Raise OSError, with the old content intact, if it
    can't be written, RefusedError for a symbolic link that another user may have planted.
    """
    _refuse_planted(path)
    target = Path(os.path.realpath(path))
    clear_leftovers(target.parent)
    with temporary(target, data, mode=mode) as temp:
        temp.replace(target)
    sync_directory(target.parent)


def create_atomically(path: Path, data: bytes, *, like: Path | None = None) -> None:
    """Create *path* with *data* atomically. Raise FileExistsError if it exists.

    Owner, mode and attributes are those of *like*, if that exists. The directory is not synced: call `sync_directory`
    once after the last of several files.
    """
    with temporary(path, data, like=like) as temp:
        try:
            os.link(temp, path)
        except OSError as error:
            if isinstance(error, FileExistsError) or path.exists():
                raise
            # This file system has no hard links. The name was free a moment ago, and the caller holds a lock.
            temp.replace(path)


@contextlib.contextmanager
def temporary(
    target: Path, data: bytes, *, mode: int | None = None, like: Path | None = None
) -> Iterator[Path]:
    """Write *data* to a new file next to *target*, sync it, and yield its path.

    The file has the mode *mode*; without *mode*, the mode, owner and attributes of *like* (by default of *target*). On exit
    it is removed unless the caller renamed it. It is locked until then, so that `clear_leftovers` does not remove it.
    """
    temp, fd = _create_locked(target.parent, 0o666 if mode is None else mode)
    try:
        if mode is None:
            copy_attributes(fd, like or target)
        else:
            os.fchmod(fd, mode)
        write_all(fd, data)
        os.fsync(fd)
        yield temp
    finally:
        with contextlib.suppress(OSError):  # `clear_leftovers` removes it later
            temp.unlink()
        os.close(fd)


def _create_locked(directory: Path, mode: int) -> tuple[Path, int]:
    while True:
        temp = directory / temporary_name()
        fd = os.open(temp, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
        with contextlib.suppress(OSError):  # without locks `clear_leftovers` removes nothing
            fcntl.flock(fd, fcntl.LOCK_EX)
        if os.fstat(fd).st_nlink:
            return temp, fd
        os.close(fd)  # `clear_leftovers` removed it before it was locked


def temporary_name() -> str:
    """Return a unique name for a temporary file, with the affixes that `is_temporary` recognises."""
    return f"{TEMP_PREFIX}{os.urandom(8).hex()}{TEMP_SUFFIX}"


def write_all(fd: int, data: bytes) -> None:
    """Write all of *data* to *fd*, with as many calls as partial writes need."""
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view[:CHUNK]) :]


def copy_attributes(fd: int, model: Path) -> None:
    """Set owner, mode and extended attributes of the open file *fd* to those of *model*; do nothing if that is missing."""
    try:
        there = model.stat()
    except FileNotFoundError:
        return
    here = os.fstat(fd)
    if (here.st_uid, here.st_gid) != (there.st_uid, there.st_gid):
        os.fchown(fd, there.st_uid, there.st_gid)
    os.fchmod(fd, stat.S_IMODE(there.st_mode))
    # ACLs and user attributes. Best effort: not every file system has them.
    with contextlib.suppress(OSError):
        for name in os.listxattr(model):
            os.setxattr(fd, name, os.getxattr(model, name))


def clear_leftovers(directory: str | Path) -> None:
    """Remove the temporary files that killed processes left in *directory*. Best effort: errors are ignored."""
    with contextlib.suppress(OSError), os.scandir(directory) as entries:
        for entry in entries:
            if is_temporary(entry.name):
                remove_leftover(entry.path)


def is_temporary(name: str) -> bool:
    """Return whether *name* is the name of a temporary file of this program."""
    return name.startswith(TEMP_PREFIX) and name.endswith(TEMP_SUFFIX)


def remove_leftover(path: str | Path) -> None:
    """Remove a temporary file unless a live process holds its lock. Best effort: errors are ignored."""
    with contextlib.suppress(OSError):
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.unlink(path)
        finally:
            os.close(fd)


def sync_directory(directory: Path) -> None:
    """Sync *directory*, so that files renamed in it survive a power failure."""
    fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def open_regular(path: str | Path, *, inside: str | None = None) -> int:
    """Open *path* for reading and return the descriptor; do not block on a FIFO or a device.

    Raise RefusedError if it is not a regular file, or if it is not inside the directory *inside*, which must be a
    resolved path. Raise OSError if it can't be opened.
    """
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    try:
        _refuse_irregular(fd, path, inside)
    except BaseException:
        os.close(fd)
        raise
    return fd


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


def is_inside(path: str, directory: str) -> bool:
    """Return whether *path* is *directory* or below it; both must be resolved paths."""
    return path == directory or path.startswith(directory.rstrip("/") + "/")


def _refuse_planted(path: Path) -> None:
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


def _refuse_irregular(fd: int, path: str | Path, inside: str | None) -> None:
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        raise RefusedError(f"{path}: not a regular file")
    if inside is not None and not is_inside(_true_path(fd, path), inside):
        raise RefusedError(f"{path}: is a link to outside {inside}")


def _true_path(fd: int, path: str | Path) -> str:
    # The path of the file that was opened: *path* may lead to another file by now.
    try:
        return os.readlink(f"/proc/self/fd/{fd}")
    except OSError:
        return os.path.realpath(path)
