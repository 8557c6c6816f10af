"""Start a program with posix_spawn: the import of subprocess takes longer than everything else that a supervisor does."""

import errno
import os
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from scheduled.execution.protocol import Spec

FileAction = tuple[int, int, int] | tuple[int, int, str, int, int]
# What Python ignores for itself; a program expects the default.
RESTORED = (signal.SIGPIPE, signal.SIGXFSZ)
DIRECTORY = os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC
NOT_THERE = (errno.ENOENT, errno.ENOTDIR)


def start(spec: Spec, stdin: int | None, output: int, stderr: int) -> int:
    """Execute *spec.argv* in a session of its own with these streams (None: /dev/null); return the pid.

    The program also inherits the descriptor *output*. The calling process must have no threads: it changes its directory
    and its umask for a moment. Raise OSError, with the name of the program or directory, if it can't be started, ValueError
    if an argument or variable has a NUL character;
    NotImplementedError if this Python can't start a session in this way.
    """
    streams: list[FileAction] = [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDWR, 0)
        if stdin is None
        else (os.POSIX_SPAWN_DUP2, stdin, 0),
        (os.POSIX_SPAWN_DUP2, output, 1),
        (os.POSIX_SPAWN_DUP2, stderr, 2),
        (os.POSIX_SPAWN_DUP2, output, output),  # onto itself: the program inherits it
    ]
    with _in_directory(spec.cwd), _with_umask(spec.umask):
        return _start(spec, streams)


def _start(spec: Spec, streams: Sequence[FileAction]) -> int:
    """Start the first program of that name on the PATH of *spec*. Of the errors, one about an existing file counts."""
    name, failures = spec.argv[0], []
    for path in (
        [name] if "/" in name else [os.path.join(place, name) for place in os.get_exec_path(spec.env)]
    ):
        try:
            return os.posix_spawn(
                path, spec.argv, spec.env, file_actions=streams, setsid=True, setsigdef=RESTORED
            )
        except OSError as error:
            failures.append(error.errno or errno.ENOENT)
        except ValueError as error:  # in other words in each version of Python
            raise ValueError("embedded null byte") from error
    code = next(
        (code for code in failures if code not in NOT_THERE), failures[-1] if failures else errno.ENOENT
    )
    raise OSError(code, os.strerror(code), name)


@contextmanager
def _in_directory(path: str) -> Iterator[None]:
    try:
        before = os.open(".", DIRECTORY)
    except OSError:  # the user may not search it, as with `sudo -u USER` in the directory of another user
        before = os.open("/", DIRECTORY)
    try:
        os.chdir(path)
        yield
    finally:
        os.fchdir(before)
        os.close(before)


@contextmanager
def _with_umask(mask: int | None) -> Iterator[None]:
    if mask is None:
        yield
        return
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)
