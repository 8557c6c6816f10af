"""Execute the commands of gates: each in a session of its own and without output. None outlives this process."""

import os
import select
import signal
import threading
import time
from collections.abc import Mapping
from contextlib import suppress

from scheduled.execution.process import signal_group

SHELL = "/bin/sh"
STDERR = 2
# The guard reads the ids of process groups until its input ends. Only this process holds the other end, and shells
# that have not written their id yet: no command can start before the guard knows its group.
GUARD = 'while read -r group; do groups="$groups -$group"; done; kill -s KILL -- $groups'
COMMAND = f'echo $$ && exec {SHELL} -c "$0" >/dev/null'
REAP = 1.0  # seconds to wait for processes that were killed; one in an uninterruptible call ends later
DEFAULT_SIGNALS = (signal.SIGPIPE, signal.SIGXFSZ)  # Python ignores them, and programs would inherit that


class GateCommands:
    """The commands of gates, which threads may execute side by side until `close` kills those that still run.

    If this process is killed, a second one, the guard, kills them.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._closed = False
        self._guard: int | None = None
        self._groups = -1  # the pipe to the guard
        self._started: list[int] = []  # not reaped before `close`, so that no other process gets their ids

    def succeeds(self, command: str, environment: Mapping[str, str], until: float) -> bool:
        """Return whether a shell command line exits with 0 before *until*, an instant of `time.monotonic`.

        Its process group is killed then, with all that it has left in the background. Raise OSError or ValueError if it
        can't be started.
        """
        pid = self._start(command, environment)
        if pid is None:
            return False
        succeeded = _ends(pid, until) and _exit_code(pid) == 0
        with self._lock:
            if not self._closed:  # otherwise `close` has killed it
                signal_group(pid, signal.SIGKILL)
        return succeeded

    def close(self) -> None:
        """Kill the commands that still run. Further ones are not started."""
        with self._lock:
            self._closed = True
        for pid in self._started:
            signal_group(pid, signal.SIGKILL)
        if self._guard is not None:
            os.close(self._groups)
            signal_group(self._guard, signal.SIGKILL)
            self._started.append(self._guard)
            self._guard = None
        until = time.monotonic() + REAP
        while self._started:
            pid = self._started.pop()
            if _ends(pid, until):
                os.waitpid(pid, 0)

    def _start(self, command: str, environment: Mapping[str, str]) -> int | None:
        """Start a command and return its process id, which is that of its group; None after `close`."""
        with self._lock:
            if self._closed:
                return None
            if self._guard is None:
                self._guard, self._groups = _start_guard()
            pid = _spawn(COMMAND, [command], environment, os.devnull, self._groups)
            self._started.append(pid)
            return pid


def _start_guard() -> tuple[int, int]:
    """Start the guard; return its process id and the pipe that it reads."""
    reader, writer = os.pipe()
    try:
        return _spawn(GUARD, [], {}, reader, os.devnull), writer
    except OSError:
        os.close(writer)
        raise
    finally:
        os.close(reader)


def _spawn(
    script: str, arguments: list[str], environment: Mapping[str, str], stdin: int | str, stdout: int | str
) -> int:
    """Execute a shell *script* in a session of its own, without standard error; return its process id."""
    return os.posix_spawn(
        SHELL,
        [SHELL, "-c", script, *arguments],
        environment,
        file_actions=[_opened(0, stdin), _opened(1, stdout), _opened(2, os.devnull), *_closed()],
        setsid=True,
        setsigdef=DEFAULT_SIGNALS,
    )


def _opened(stream: int, source: int | str) -> tuple[int, ...] | tuple[int, int, str, int, int]:
    if isinstance(source, int):
        return os.POSIX_SPAWN_DUP2, source, stream
    return os.POSIX_SPAWN_OPEN, stream, source, os.O_RDWR, 0


def _closed() -> list[tuple[int, int]]:
    """Return the actions that close what this process has inherited, for example a lock of the program that started it."""
    inherited = []
    for name in os.listdir("/proc/self/fd"):
        with suppress(OSError):  # the descriptor of the directory itself, or another thread has closed it
            if int(name) > STDERR and os.get_inheritable(int(name)):
                inherited.append((os.POSIX_SPAWN_CLOSE, int(name)))
    return inherited


def _ends(pid: int, until: float) -> bool:
    """Wait until a child has ended, or until *until*; return whether it has ended."""
    pidfd = os.pidfd_open(pid)
    try:
        poll = select.poll()
        poll.register(pidfd, select.POLLIN)
        return bool(poll.poll(max(0.0, until - time.monotonic()) * 1000))
    finally:
        os.close(pidfd)


def _exit_code(pid: int) -> int | None:
    """Return the exit code of a child that has ended, without reaping it; None if a signal ended it."""
    found = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    return found.si_status if found is not None and found.si_code == os.CLD_EXITED else None
