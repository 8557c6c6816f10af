"""Reads and replaces files that other programs truncate and write in place, without any lock.

Three errors are possible with such files: reading an unfinished write; replacing a change that another program made
after the file was read; and replacing the file while another program has it open, so that its data goes into the
deleted old file. A read lease of the kernel (fcntl F_SETLEASE) prevents all three: it is refused while a process has
the file open for writing, and a process that opens the file for writing later waits until the lease is released. Where
leases are not available (files of another owner, some network file systems), the content is compared before and after
instead, which leaves a window of microseconds.
"""

import contextlib
import errno
import fcntl
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Self, TypeVar

from scheduled.state.beneath import READING, Place, located
from scheduled.state.files import (
    CHUNK,
    SIZE_LIMIT,
    Parts,
    RefusedError,
    checked,
    open_regular,
    read_open,
    temporary,
    temporary_name,
)

T = TypeVar("T")

WRITER_TIMEOUT = 5.0  # seconds to wait for a program that writes the file; a write takes milliseconds
MAX_READS = 6  # by `count_lines`, of an empty or changing file, where leases are not available
SETTLED = 1.0  # seconds for which an invalid file must stay unchanged to count as damaged, without leases
OLD = 60.0  # seconds after its modification; an invalid file that is older counts as damaged at once
NO_LEASES_HERE = frozenset({errno.EINVAL, errno.EACCES, errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS})


class BusyFileError(OSError):
    """Another program keeps the file open for writing, or keeps changing it, for longer than the timeout."""


class Leased:
    """A context manager for a file opened for reading (as *fd*), which it closes, with a read lease if possible.

    *held*: the lease was granted, no process has the file open for writing. *refused*: a process has it open for
    writing. Neither: leases are not available for this file.
    """

    def __init__(self, fd: int) -> None:
        self.held = self.refused = False
        self.fd = fd

    def __enter__(self) -> Self:
        try:
            # The kernel signals the holder when another process waits. The default, SIGIO, would kill this process;
            # SIGURG is ignored by default.
            fcntl.fcntl(self.fd, fcntl.F_SETSIG, signal.SIGURG)
            fcntl.fcntl(self.fd, fcntl.F_SETLEASE, fcntl.F_RDLCK)
        except OSError as error:
            self.refused = error.errno == errno.EAGAIN
            if not self.refused and error.errno not in NO_LEASES_HERE:
                os.close(self.fd)
                raise
        else:
            self.held = True
        return self

    def __exit__(self, *_: object) -> None:
        try:
            if self.held:  # closing would not release the lease if a forked process has the descriptor too
                fcntl.fcntl(self.fd, fcntl.F_SETLEASE, fcntl.F_UNLCK)
        finally:
            os.close(self.fd)

    def broken(self) -> bool:
        """Return whether another process is waiting to open the file for writing."""
        return self.held and fcntl.fcntl(self.fd, fcntl.F_GETLEASE) != fcntl.F_RDLCK


def read_settled(path: str | Path, parse: Callable[[bytes], T], *, inside: str | None = None) -> T:
    """Return `parse(content)`; if it raises ValueError while another program writes the file, read the file again.

    The beginning of a JSON object or array is not valid JSON, so content that can be parsed is complete. Raise the
    ValueError if no program is writing the file, BusyFileError after a timeout, OSError if it cannot be read.
    """
    unparseable = _Unparseable()
    for _ in _attempts():
        with Leased(open_regular(path, inside=inside)) as file:
            try:
                return parse(read_open(file.fd, path))
            except ValueError:
                if unparseable.is_final(file):
                    raise
    raise BusyFileError(f"{path}: another program did not finish writing it within {WRITER_TIMEOUT:g} s")


def count_lines(path: str | Path, inside: str | None = None) -> tuple[int, int]:
    """Return the number of lines, counted as by `readlines()`, and of bytes of a file.

    Wait up to 1 s for a program that writes the file; then count its current content. Raise OSError if it cannot be
    read, RefusedError for more than `SIZE_LIMIT` bytes: also a file without content may have such a size.
    """
    counted = (0, 0)
    for attempt, _ in enumerate(_attempts(1.0), start=1):
        with Leased(open_regular(path, inside=inside)) as file:
            before = os.fstat(file.fd)
            counted = _count(file.fd, path, before.st_size)
            if file.held:
                break
            # Without leases: a file that is being written is empty first, and its modification time changes.
            settled = counted[1] and before.st_mtime_ns == os.fstat(file.fd).st_mtime_ns
            if not file.refused and (settled or attempt >= MAX_READS):
                break
    return counted


def rewrite(
    path: Path, edit: Callable[[bytes], Parts | None], *, inside: str | None = None, known: bytes = b""
) -> bool:
    """Replace the content of *path* atomically by the parts that `edit(content)` returns; return whether it was replaced.

    If *edit* returns None or the same content, return False without changing anything. If another program opens the
    file for writing in between, the old file is restored and *edit* is called again with the new content. So no write
    of another program is lost, even if it uses no lock. Raise BusyFileError if another program keeps writing the
    file, the ValueError of *edit* if the content is damaged, OSError if the file cannot be read or written.

    A file that still has the content *known* is only compared with it: *edit* gets the same bytes object, and a large file
    needs no memory for a second copy.
    """
    unparseable = _Unparseable()
    for _ in _attempts():
        with located(path, inside) as place, Leased(checked(place.open(READING), path)) as file:
            if file.refused:
                continue
            content = known if known and _holds(file.fd, known) else read_open(file.fd, path)
            try:
                wanted = edit(content)
            except ValueError:
                if unparseable.is_final(file):
                    raise
                continue
            if wanted is None or _is(content, wanted):
                return False
            if _swap(place, file, content, wanted):
                return True
    raise BusyFileError(f"{path}: another program keeps writing it")


class _Unparseable:
    """Distinguishes an unfinished write from a damaged file."""

    def __init__(self) -> None:
        self.modified, self.since = -1, 0.0

    def is_final(self, file: Leased) -> bool:
        """Return whether the unparseable content of *file* is damaged, and not still being written.

        Without a lease only time can show that. A program on a busy machine may pause in the middle of a write.
        """
        modified = os.fstat(file.fd).st_mtime_ns
        if modified != self.modified:
            self.modified, self.since = modified, time.monotonic()
        unchanged = time.monotonic() - self.since >= SETTLED or time.time() - modified / 1e9 >= OLD
        return file.held or (not file.refused and unchanged)


def _is(content: bytes, parts: Parts) -> bool:
    """Return whether *parts* are this *content*."""
    at = 0
    for part in parts:
        if not content.startswith(part, at):
            return False
        at += len(part)
    return at == len(content)


def _swap(target: Place, file: Leased, content: bytes, wanted: Parts) -> bool:
    """Replace *file* by *wanted*. If another program writes the file in between, restore it and return False."""
    backup = target.beside(temporary_name())  # a second link to the old file, to restore it from
    with temporary(target, wanted) as temp:
        try:
            with contextlib.suppress(OSError):  # no hard links on this file system
                _protect_from_cleanup(file.fd)
                backup.link(target.name)
            if not _unchanged(file, content) or not os.path.samestat(target.stat(), os.fstat(file.fd)):
                return False
            target.take(temp)
            os.fsync(target.directory)
            if _unchanged(file, content):
                return True
            _put_back(target, backup, file.fd)
            return False
        finally:
            with contextlib.suppress(OSError):
                os.unlink(backup.name, dir_fd=backup.directory)


def _protect_from_cleanup(fd: int) -> None:
    # `clear_leftovers` removes unlocked temporary files. A lock that another process has on the file protects it too.
    with contextlib.suppress(BlockingIOError):
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)


def _unchanged(file: Leased, content: bytes) -> bool:
    return not file.broken() and _holds(file.fd, content)


def _holds(fd: int, content: bytes) -> bool:
    """Return whether the file has exactly this *content*."""
    at = 0
    while chunk := os.pread(fd, CHUNK, at):
        if not content.startswith(chunk, at):
            return False
        at += len(chunk)
    return at == len(content)


def _put_back(target: Place, backup: Place, fd: int) -> None:
    # The other program continues to write into the old file, which gets its name back.
    with contextlib.suppress(FileNotFoundError):
        return target.take(backup.name)
    # Without hard links the old file has no name: wait until its content no longer changes and copy it.
    late = b""
    for _ in _attempts(1.0):
        before, late = late, read_open(fd, target.path)
        if late and late == before:
            with temporary(target, [late]) as temp:
                return target.take(temp)
    return None


def _count(fd: int, path: str | Path, length: int) -> tuple[int, int]:
    lines, size, last = 0, 0, b"\n"
    while True:
        if max(length, size) > SIZE_LIMIT:
            raise RefusedError(
                f"{path}: too large: {max(length, size)} bytes, and at most {SIZE_LIMIT} are counted"
            )
        wanted = min(CHUNK, max(0, length - size) + 1)
        chunk = os.pread(fd, wanted, size)
        lines += chunk.count(b"\n")
        size += len(chunk)
        last = chunk[-1:] or last
        if len(chunk) < wanted:  # a short read is the end of the file
            return lines + (last != b"\n"), size


def _attempts(seconds: float | None = None) -> Iterator[None]:
    """Yield immediately, then again after growing pauses until *seconds* (default: WRITER_TIMEOUT) have passed."""
    pause, deadline = 0.001, time.monotonic() + (WRITER_TIMEOUT if seconds is None else seconds)
    yield
    while time.monotonic() < deadline:
        time.sleep(pause)
        pause = min(pause * 2, 0.05)
        yield
