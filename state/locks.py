"""Locks that the kernel frees when their holder dies, whatever killed it. No lock file is deleted by others while held."""

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from scheduled.errors import BusyError, StateError

# Nothing that is done under the lock takes a second; a holder that takes a minute has stopped (SIGSTOP, a dead disk).
PATIENCE = 60.0
TRIES = 1000  # at a file that somebody takes away before it is locked
NO_LOCKS = frozenset({errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP})
ADVICE = "; this file system has no locks to rely on (a network file system?): keep the state on a local disk"


@contextmanager
def exclusive(path: Path, patience: float = PATIENCE) -> Iterator[None]:
    """Hold the lock file at *path* for a short section.

    Raises BusyError after *patience* seconds, StateError if it can't be locked at all.
    """
    fd = _opened(path)
    try:
        if hold(fd, path):  # nearly always
            yield
            return
    finally:
        os.close(fd)
    with _waited_for(path, patience):
        yield


def _opened(path: Path) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise _cannot_lock(path, error) from error


@contextmanager
def _waited_for(path: Path, patience: float) -> Iterator[None]:
    """Take the same lock of the kernel's as `hold`, once whoever has it lets go of it."""
    # Imported by those alone who have to wait: it takes longer than a tick's work.
    from filelock import FileLock, Timeout

    # A soft lock, which outlives its holder, would be no lock but a trap.
    lock = FileLock(path, timeout=patience, mode=0o600, poll_interval=0.01, fallback_to_soft=False)
    try:
        lock.acquire()
    except Timeout:
        raise BusyError(f"{path}: another process has held this lock for {patience:.0f} s") from None
    except OSError as error:
        raise _cannot_lock(path, error) from error
    try:
        yield
    finally:
        lock.release()


def refuse_without_locks(path: Path) -> None:
    """Raise StateError if SQLite would find no locks where the lock file *path* lies: it waits where there are none.

    Its own files must not be tried: closing one would give up the locks that it holds.
    """
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.lockf(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in NO_LOCKS:
            raise _cannot_lock(path, error) from error
    finally:
        os.close(fd)


def _cannot_lock(path: str | Path, error: OSError) -> StateError:
    advice = ADVICE if error.errno in NO_LOCKS else ""
    return StateError(f"{path}: can't be locked: {error.strerror}{advice}")


def hold(fd: int, path: str | Path) -> bool:
    """Lock the open file *fd* for as long as it, or a copy that a child inherits, stays open; False if taken.

    Raises StateError, which names *path*, if it can't be locked at all.
    """
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
            return False
        raise _cannot_lock(path, error) from error
    return True


def is_held(path: Path) -> bool:
    """Return whether some process holds the file at *path*; what is no file is free."""
    with unless_held(path) as free:
        return not free


@contextmanager
def unless_held(path: Path) -> Iterator[bool]:
    """Hold the file at *path* unless some process does, and yield whether nobody did; what is no file is free."""
    try:
        fd = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    except (FileNotFoundError, IsADirectoryError):
        fd = None
    except OSError as error:
        raise StateError(f"{path}: {error.strerror}") from error
    try:
        yield fd is None or hold(fd, path)
    finally:
        if fd is not None:
            os.close(fd)


def create_locked(path: Path) -> int:
    """Create the file at *path*, 0600, hold it, and return its descriptor.

    Raises StateError if it can't be made, or where a lock keeps nobody out.
    """
    for _ in range(TRIES):
        fd = _created(path)
        try:
            if _hold_for_sure(fd, path):
                return fd
        except BaseException:
            os.close(fd)
            path.unlink(missing_ok=True)
            raise
        # Somebody looked at it, or took it for one left behind, before it was locked.
        os.close(fd)
        path.unlink(missing_ok=True)
    raise StateError(f"{path}: can't be locked as long as others look at it{ADVICE}")


def _created(path: Path) -> int:
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
    try:
        return os.open(path, flags, 0o600)
    except OSError as error:
        raise StateError(f"{path}: {error.strerror}") from error


def _hold_for_sure(fd: int, path: Path) -> bool:
    if not hold(fd, path) or not os.fstat(fd).st_nlink:
        return False
    if not is_held(path):
        raise StateError(f"{path}: is locked, and can be locked once more{ADVICE}")
    return True
