"""Reading and replacing files that other programs truncate and write in place, without any lock.

Three things go wrong with such files: one reads half of a write; one replaces what somebody wrote since it
was read; one replaces the file while somebody has it open, whose words then go where nobody looks. A read
lease of the kernel tells all three: it is refused while anybody has the file open for writing, and whoever
opens it so meanwhile waits until it is given back. Where there are none (another owner's file, some network
file systems) the same is found by comparing, which leaves a window of microseconds.
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

from scheduled.state.files import CHUNK, open_regular, read_open, sync_directory, temporary, temporary_name

T = TypeVar("T")

PATIENCE = 5.0  # seconds that a writer may keep us waiting: theirs take milliseconds
GLANCES = 6  # at an unchanged broken file, where no lease tells whether it is being written
NO_LEASES_HERE = frozenset({errno.EINVAL, errno.EACCES, errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS})


class BusyFileError(OSError):
    """Another program kept the file open for writing, or kept changing it, for longer than we wait."""


class Leased:
    """A file opened for reading (as *fd*), with the attempt at a read lease on it, both for the length of a `with`.

    *held*: nobody has it open for writing. *refused*: somebody has. Neither: there are no leases here. Raises as
    `open_regular` does.
    """

    def __init__(self, path: str | Path, inside: str | None) -> None:
        self.held = self.refused = False
        self.fd = open_regular(path, inside=inside)

    def __enter__(self) -> Self:
        try:
            # The kernel's signal to the holder would be SIGIO, which kills; SIGURG is ignored by default.
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
            if self.held:  # let those who wait go on, even if a fork has the descriptor too
                fcntl.fcntl(self.fd, fcntl.F_SETLEASE, fcntl.F_UNLCK)
        finally:
            os.close(self.fd)

    def broken(self) -> bool:
        """Tell whether somebody is waiting to open the file for writing."""
        return self.held and fcntl.fcntl(self.fd, fcntl.F_GETLEASE) != fcntl.F_RDLCK


def read_settled(path: str | Path, parse: Callable[[bytes], T], *, inside: str | None = None) -> T:
    """Return `parse(content)`; while it raises ValueError and somebody is writing the file, read again.

    A prefix of a JSON object or array is none, so what parses was read whole.
    Raise parse's ValueError for a file that nobody is writing, OSError for one that can't be read.
    """
    broken = _Broken()
    for _ in _patiently():
        with Leased(path, inside) as file:
            try:
                return parse(read_open(file.fd, path))
            except ValueError:
                if broken.for_good(file):
                    raise
    raise BusyFileError(f"{path}: is being written without end")


def count_lines(path: str | Path, inside: str | None = None) -> tuple[int, int]:
    """Return the number of lines (as `len(readlines())` counts them) and of bytes of a file at rest.

    Of one that somebody holds open for writing all the time, what is there after a second.
    """
    counted = (0, 0)
    for glance, _ in enumerate(_patiently(1.0), start=1):
        with Leased(path, inside) as file:
            before = os.fstat(file.fd)
            counted = _count(file.fd, before.st_size)
            if file.held:
                break
            # Without leases: a file that is just being written is empty at first, and changes.
            settled = counted[1] and before.st_mtime_ns == os.fstat(file.fd).st_mtime_ns
            if not file.refused and (settled or glance >= GLANCES):
                break
    return counted


def rewrite(path: Path, edit: Callable[[bytes], bytes | None], *, inside: str | None = None) -> bool:
    """Replace the content of *path* by `edit(content)`; False, and nothing touched, if that is None or equal.

    The old or the new content is there whole at any time. Whoever opens the file for writing while it is
    being replaced gets his file back, and *edit* is asked again about what he wrote: nothing that another
    program writes, locked or not, is lost by our doing. Raise BusyFileError if it can't be had in peace.
    """
    target = Path(os.path.realpath(path))
    broken = _Broken()
    for _ in _patiently():
        with Leased(target, inside) as file:
            if file.refused:
                continue
            content = read_open(file.fd, path)
            try:
                wanted = edit(content)
            except ValueError:
                if broken.for_good(file):
                    raise
                continue
            if wanted is None or wanted == content:
                return False
            if _swap(target, file, content, wanted):
                return True
    raise BusyFileError(f"{path}: another program keeps writing it")


class _Broken:
    """Tells half of a write from a file that is broken and stays so."""

    def __init__(self) -> None:
        self.last, self.times = -1, 0

    def for_good(self, file: Leased) -> bool:
        """Tell whether the unparseable content read from *file* is all that will come."""
        changed = os.fstat(file.fd).st_mtime_ns
        self.times = self.times + 1 if changed == self.last else 1
        self.last = changed
        return file.held or (not file.refused and self.times >= GLANCES)


def _swap(target: Path, file: Leased, content: bytes, wanted: bytes) -> bool:
    """Put *wanted* in the place of *file*; False, with that one in its place, if disturbed."""
    kept = target.parent / temporary_name()
    with temporary(target, wanted) as temp:
        try:
            with contextlib.suppress(OSError):  # no hard links on this file system
                _mark_as_no_leftover(file.fd)
                os.link(target, kept)
            if not _unchanged(file, content) or not os.path.samestat(target.stat(), os.fstat(file.fd)):
                return False
            temp.replace(target)
            sync_directory(target.parent)
            if _unchanged(file, content):
                return True
            _put_back(target, kept, file.fd)
            return False
        finally:
            with contextlib.suppress(OSError):
                kept.unlink()


def _mark_as_no_leftover(fd: int) -> None:
    # Until it is closed. Who else locks the file marks it as well.
    with contextlib.suppress(BlockingIOError):
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)


def _unchanged(file: Leased, content: bytes) -> bool:
    return not file.broken() and _holds(file.fd, content)


def _holds(fd: int, content: bytes) -> bool:
    """Tell whether *content* is all that the file holds."""
    at = 0
    while chunk := os.pread(fd, CHUNK, at):
        if not content.startswith(chunk, at):
            return False
        at += len(chunk)
    return at == len(content)


def _put_back(target: Path, kept: Path, fd: int) -> None:
    # Whoever opened the old file goes on writing into it, under its old name again.
    if kept.exists():
        kept.replace(target)
        return
    late = b""
    for _ in _patiently(1.0):
        before, late = late, read_open(fd, target)
        if late and late == before:
            with temporary(target, late) as temp:
                temp.replace(target)
            return


def _count(fd: int, length: int) -> tuple[int, int]:
    lines, size, last = 0, 0, b"\n"
    while True:
        wanted = min(CHUNK, max(0, length - size) + 1)
        chunk = os.pread(fd, wanted, size)
        lines += chunk.count(b"\n")
        size += len(chunk)
        last = chunk[-1:] or last
        if len(chunk) < wanted:  # the end, without asking again
            return lines + (last != b"\n"), size


def _patiently(seconds: float | None = None) -> Iterator[None]:
    """Yield until the patience is spent, with growing pauses between."""
    pause, deadline = 0.001, time.monotonic() + (PATIENCE if seconds is None else seconds)
    yield
    while time.monotonic() < deadline:
        time.sleep(pause)
        pause = min(pause * 2, 0.05)
        yield
