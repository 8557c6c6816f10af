"""Reading and writing single files so that nothing hangs, nothing is torn and nothing is lost."""

import contextlib
import errno
import fcntl
import os
import stat
from collections.abc import Iterator
from pathlib import Path

TEMP_PREFIX, TEMP_SUFFIX = ".scheduled-", ".tmp"
SIZE_LIMIT = 100_000_000  # 50,000 mails are about 40 MB; what is larger is no file of ours to parse
CHUNK = 1 << 20


# Of our own, which says nothing of a file: what could not be read for it is not taken for damaged, or gone.
SHORTAGE = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM})


# What a tick needs at least: SQLite's index of a write-ahead log, a few pages of it, a snapshot; and their files.
SMALLEST_SPACE = 200_000  # bytes
FEWEST_FILES = 8


def no_room(directory: Path) -> str | None:
    """Return in words that the file system of *directory* has no space left or may not be written; else None."""
    try:
        found = os.statvfs(directory)
    except OSError:
        return None
    blocks, names = (found.f_bfree, found.f_ffree) if os.geteuid() == 0 else (found.f_bavail, found.f_favail)
    if found.f_flag & os.ST_RDONLY:
        return f"the file system of {directory} is read-only"
    if found.f_blocks and blocks * found.f_frsize < SMALLEST_SPACE:  # some file systems give no size at all
        return f"no space left on the file system of {directory}"
    if found.f_files and names < FEWEST_FILES:
        return f"no room for further files on the file system of {directory}"
    return None


def make_directories(path: Path) -> None:
    """Make the directory *path* and those missing above it, for the owner alone (the umask does not matter); raises OSError."""
    for place in reversed([place for place in (path, *path.parents) if not place.exists()]):
        place.mkdir(mode=0o700, exist_ok=True)
    path.mkdir(mode=0o700, exist_ok=True)  # raises if something else is there


class RefusedError(OSError):
    """A file that is not read for what it is: no regular file, too large, or outside the allowed tree."""


def write_atomically(path: Path, data: bytes, *, mode: int | None = None) -> None:
    """Make *data* the content of *path* such that a reader, or a crash, finds the old or the new one whole.

    Mode, owner, attributes and, for a symlink, the link itself stay as they are. With *mode* the file is the
    writer's own, whoever owned what it replaces. Raise OSError with nothing changed, RefusedError for a link that
    somebody else may have planted.
    """
    _refuse_planted(path)
    target = Path(os.path.realpath(path))
    clear_leftovers(target.parent)
    with temporary(target, data, mode=mode) as temp:
        temp.replace(target)
    sync_directory(target.parent)


def create_atomically(path: Path, data: bytes, *, like: Path | None = None) -> None:
    """Bring *path* into being with *data* whole; raise FileExistsError rather than replace anything.

    Owner and mode are those of *like*. The directory is not synced: do so once after the last of several.
    """
    with temporary(path, data, like=like) as temp:
        try:
            os.link(temp, path)
        except OSError as error:
            if isinstance(error, FileExistsError) or path.exists():
                raise
            # A file system without hard links: the name was free just now, and the caller holds a lock.
            temp.replace(path)


@contextlib.contextmanager
def temporary(
    target: Path, data: bytes, *, mode: int | None = None, like: Path | None = None
) -> Iterator[Path]:
    """Write *data* to a new file beside *target*, synced, with mode and owner of *like* (else of *target*).

    It is gone in the end unless it was renamed, and locked until then: a lock that is free tells a leftover.
    """
    temp, fd = _create_locked(target.parent, 0o666 if mode is None else mode)
    try:
        if mode is None:
            look_like(fd, like or target)
        else:
            os.fchmod(fd, mode)
        write_all(fd, data)
        os.fsync(fd)
        yield temp
    finally:
        with contextlib.suppress(OSError):  # what can't be removed now is removed as a leftover
            temp.unlink()
        os.close(fd)


def _create_locked(directory: Path, mode: int) -> tuple[Path, int]:
    while True:
        temp = directory / temporary_name()
        fd = os.open(temp, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
        with contextlib.suppress(OSError):  # without locks here, nobody clears anything away either
            fcntl.flock(fd, fcntl.LOCK_EX)
        if os.fstat(fd).st_nlink:
            return temp, fd
        os.close(fd)  # it was taken for a leftover before it was locked


def temporary_name() -> str:
    """Return a name that no file has, by which `clear_leftovers` knows our own."""
    return f"{TEMP_PREFIX}{os.urandom(8).hex()}{TEMP_SUFFIX}"


def write_all(fd: int, data: bytes) -> None:
    """Write *data* to *fd*, however little of it one call takes."""
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view[:CHUNK]) :]


def look_like(fd: int, model: Path) -> None:
    """Give the file behind *fd* the owner, mode and attributes of *model*, if that exists."""
    try:
        there = model.stat()
    except FileNotFoundError:
        return
    mine = os.fstat(fd)
    if (mine.st_uid, mine.st_gid) != (there.st_uid, there.st_gid):
        os.fchown(fd, there.st_uid, there.st_gid)
    os.fchmod(fd, stat.S_IMODE(there.st_mode))
    # ACLs and user attributes, where the file system has any.
    with contextlib.suppress(OSError):
        for name in os.listxattr(model):
            os.setxattr(fd, name, os.getxattr(model, name))


def clear_leftovers(directory: str | Path) -> None:
    """Remove the temporary files that killed writers left; those of living ones are locked."""
    with contextlib.suppress(OSError), os.scandir(directory) as entries:
        for entry in entries:
            if is_temporary(entry.name):
                remove_leftover(entry.path)


def is_temporary(name: str) -> bool:
    """Tell whether a file of this *name* is a temporary one of ours."""
    return name.startswith(TEMP_PREFIX) and name.endswith(TEMP_SUFFIX)


def remove_leftover(path: str | Path) -> None:
    """Remove a temporary file unless its writer lives; what can't be removed stays."""
    with contextlib.suppress(OSError):
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.unlink(path)
        finally:
            os.close(fd)


def sync_directory(directory: Path) -> None:
    """Make what was renamed in *directory* outlast a power cut."""
    fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def open_regular(path: str | Path, *, inside: str | None = None) -> int:
    """Open *path* for reading and return the descriptor; never wait for a FIFO or a device.

    Raise RefusedError unless it is a regular file and, where *inside* is given, truly lies in that tree
    (a resolved path); OSError if it can't be opened.
    """
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    try:
        _refuse_what_is_not_ours(fd, path, inside)
    except BaseException:
        os.close(fd)
        raise
    return fd


def read_regular(path: str | Path, *, inside: str | None = None, limit: int = SIZE_LIMIT) -> bytes:
    """Return the content of *path*, under the conditions of `open_regular`; RefusedError above *limit*."""
    fd = open_regular(path, inside=inside)
    try:
        return read_open(fd, path, limit=limit)
    finally:
        os.close(fd)


def read_open(fd: int, path: str | Path, *, limit: int = SIZE_LIMIT) -> bytes:
    """Return what the file behind *fd* holds from its start; *path* is for the message."""
    size = os.fstat(fd).st_size
    if size > limit:
        raise RefusedError(f"{path}: {size} bytes are more than the {limit} that are read")
    parts, at, full = [], 0, True
    while full:
        wanted = max(size - at, 0) + 1
        part = os.pread(fd, wanted, at)
        parts.append(part)
        at += len(part)
        if at > limit:
            raise RefusedError(f"{path}: grows beyond the {limit} bytes that are read")
        full = len(part) == wanted  # a short answer is the end, without asking again
    return b"".join(parts)


def lies_inside(path: str, directory: str) -> bool:
    """Tell whether *path* is *directory* or below it; both are resolved."""
    return path == directory or path.startswith(directory.rstrip("/") + "/")


def _refuse_planted(path: Path) -> None:
    """Refuse a link in a directory that everybody may write, unless it is the user's, root's or the directory's owner's."""
    try:
        link, directory = path.lstat(), path.parent.stat()
    except OSError:
        return
    trusted = (0, os.geteuid(), directory.st_uid)
    if stat.S_ISLNK(link.st_mode) and directory.st_mode & stat.S_IWOTH and link.st_uid not in trusted:
        raise RefusedError(f"{path}: a link of user {link.st_uid} in a directory that everybody may write")


def _refuse_what_is_not_ours(fd: int, path: str | Path, inside: str | None) -> None:
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        raise RefusedError(f"{path}: not a regular file")
    if inside is not None and not lies_inside(_true_path(fd, path), inside):
        raise RefusedError(f"{path}: leads out of {inside}")


def _true_path(fd: int, path: str | Path) -> str:
    # What was opened, not what the name leads to by now.
    try:
        return os.readlink(f"/proc/self/fd/{fd}")
    except OSError:
        return os.path.realpath(path)
