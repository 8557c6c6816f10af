"""Locks on files, with flock(2): the kernel frees them when their holder dies, also after SIGKILL.

No other process deletes a lock file while it is held. A lock file has the process id of its last holder, for people who
look for it; only the lock shows whether that process still holds it.
"""

import errno
import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from scheduled.errors import BusyError, StateError

# Work under the lock takes less than a second. A holder that takes a minute is stopped (SIGSTOP) or its disk hangs.
PATIENCE = 60.0  # seconds
TRIES = 1000  # attempts at a file that another process opens or removes before it is locked
NO_LOCKS = frozenset({errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP})
ADVICE = "; this file system has no reliable locks (a network file system?): keep the state on a local disk"


@contextmanager
def exclusive(path: Path, patience: float = PATIENCE) -> Iterator[None]:
    """Hold the lock file at *path*, which is created if it is missing, for a short section.

    Raise BusyError if another process holds it for *patience* seconds, StateError if it can't be locked.
    """
    fd = _opened(path)
    try:
        if hold(fd, path):  # the common case, without the import of filelock
            _write_process_id(fd)
            yield
            return
    finally:
        os.close(fd)
    with _waited_for(path, patience):
        yield


@contextmanager
def inherited(path: Path, patience: float) -> Iterator[int]:
    """Hold the lock file at *path*, and yield its descriptor: a child that inherits it holds the lock as long as it lives.

    Raise BusyError if another process holds it for *patience* seconds, StateError if it can't be locked.
    """
    fd, deadline = _opened(path), time.monotonic() + patience
    try:
        while not hold(fd, path):
            if time.monotonic() > deadline:
                raise BusyError(f"{path}: another process has held this lock for {patience:.0f} s")
            time.sleep(0.01)
        _write_process_id(fd)
        yield fd
    finally:
        os.close(fd)


def _opened(path: Path) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise _cannot_lock(path, error) from error


def _write_process_id(fd: int) -> None:
    """Write this process's id to a lock file. An error (a full disk) is ignored: the lock holds without it."""
    with suppress(OSError):
        os.pwrite(fd, b"%10d\n" % os.getpid(), 0)  # of fixed width, so that nothing of a longer one remains


@contextmanager
def _waited_for(path: Path, patience: float) -> Iterator[None]:
    """Hold the same flock as `hold`; wait until it is free, for *patience* seconds."""
    # Imported only if a lock is busy: the import takes longer than the work of a tick.
    from filelock import FileLock, Timeout

    # filelock must not fall back to a soft lock: that would remain after its holder is killed.
    lock = FileLock(path, timeout=patience, mode=0o600, poll_interval=0.01, fallback_to_soft=False)
    try:
        lock.acquire()
    except Timeout:
        raise BusyError(f"{path}: another process has held this lock for {patience:.0f} s") from None
    except OSError as error:
        raise _cannot_lock(path, error) from error
    try:
        with suppress(OSError), path.open("r+b", buffering=0) as file:
            _write_process_id(file.fileno())
        yield
    finally:
        lock.release()


def refuse_without_locks(path: Path) -> None:
    """Raise StateError if the file system of the lock file *path* has no POSIX locks, on which SQLite would wait.

    *path* must not be a file of the database: to close it would release the POSIX locks that SQLite holds on it.
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
    """Lock the open file *fd* without waiting; return False if another process holds it.

    The lock lasts until *fd* and all copies of it, also those that child processes inherit, are closed. Raise
    StateError, naming *path*, if the file can't be locked.
    """
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
            return False
        raise _cannot_lock(path, error) from error
    return True


def is_held(path: Path) -> bool:
    """Return whether a process holds the lock of the file at *path*; False if there is no such file."""
    with unless_held(path) as free:
        return not free


@contextmanager
def unless_held(path: Path) -> Iterator[bool]:
    """Lock the file at *path* if it is free, and yield whether it was; True, without a lock, if there is no such file.

    Raise StateError if the file can't be opened or locked.
    """
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
    """Create the file at *path* with mode 0600, lock it, and return its descriptor, which appends.

    Raise StateError if it exists or can't be created, or if the lock does not exclude a second holder.
    """
    for _ in range(TRIES):
        fd = _created(path)
        try:
            if _hold_exclusively(fd, path):
                return fd
        except BaseException:
            os.close(fd)
            path.unlink(missing_ok=True)
            raise
        # Before it was locked, another process tested its lock, or removed it as a leftover.
        os.close(fd)
        path.unlink(missing_ok=True)
    raise StateError(f"{path}: can't be locked: other processes keep opening it{ADVICE}")


def _created(path: Path) -> int:
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
    try:
        return os.open(path, flags, 0o600)
    except OSError as error:
        raise StateError(f"{path}: {error.strerror}") from error


def _hold_exclusively(fd: int, path: Path) -> bool:
    if not hold(fd, path) or not os.fstat(fd).st_nlink:
        return False
    if not is_held(path):
        raise StateError(f"{path}: two processes can lock it at the same time{ADVICE}")
    return True
