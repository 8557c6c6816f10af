"""Locks that the kernel frees when their holder dies, whatever killed it. No lock file is ever deleted while held."""

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from scheduled.errors import BusyError, StateError

# Nothing that is done under the lock takes a second; a holder that takes a minute has stopped (SIGSTOP, a dead disk).
PATIENCE = 60.0


@contextmanager
def exclusive(path: Path, patience: float = PATIENCE) -> Iterator[None]:
    """Hold the lock file at *path* for a short section; raises BusyError after *patience* seconds."""
    from filelock import FileLock, Timeout

    try:
        with FileLock(path, timeout=patience, mode=0o600, poll_interval=0.01):
            yield
    except Timeout:
        raise BusyError(f"{path}: another process has held this lock for {patience:.0f} s") from None


def hold(fd: int) -> bool:
    """Lock the open file *fd* for as long as it, or a copy that a child inherits, stays open; False if taken."""
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
            return False
        raise StateError(f"cannot lock a file in the state directory: {error.strerror}") from error
    return True


def is_held(path: Path) -> bool:
    """Return whether some process holds the file at *path*; a file that does not exist is free."""
    try:
        fd = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError:
        return False
    try:
        return not hold(fd)
    finally:
        os.close(fd)


def create_locked(path: Path) -> int:
    """Create the file at *path*, 0600, hold it, and return its descriptor; raises StateError."""
    try:
        fd = os.open(
            path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600
        )
    except OSError as error:
        raise StateError(f"{path}: {error.strerror}") from error
    hold(fd)
    return fd
