"""Execute the commands of gates: each in a session of its own and without output. None outlives this process."""

import os
import select
import signal
import sys
import threading
import time
from collections.abc import Mapping
from contextlib import suppress

from scheduled.execution import gate_processes
from scheduled.execution.gate_processes import MARK, REAP
from scheduled.execution.process import signal_group

SHELL = "/bin/sh"
STDERR = 2
OUTPUT = 3  # the descriptor for what a command prints
BLOCK = 1 << 16
# The guard reads the ids of sessions, which are those of process groups too, until its input ends. Only this process
# holds the other end, and shells that have not written their id yet: no command can start before the guard knows its
# session. It kills the groups first, since the interpreter takes some time to start.
GUARD = """
while read -r group; do groups="$groups -$group" sessions="$sessions $group"; done
kill -s KILL -- $groups
exec "$0" -IS "$1" "$2" $sessions
"""
SCRIPT = f'echo $$ && cd -- "$1" && exec {SHELL} -c "$0" >&{OUTPUT} {OUTPUT}>&-'
COMMAND = f'echo $$ && exec {SHELL} -c "$0" >/dev/null'
DEFAULT_SIGNALS = (signal.SIGPIPE, signal.SIGXFSZ)  # Python ignores them, and programs would inherit that


class GateCommands:
    """The commands of gates, which threads may execute side by side until `close` kills those that still run.

    If this process is killed, a second one, the guard, kills them. Each command leads a session, and has a variable `MARK`
    with a unique value in its environment: what it starts is found by either.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._closed = False
        self._guard: int | None = None
        self._groups = -1  # the pipe to the guard
        self._mark = os.urandom(16).hex()  # the marks of all commands begin with it
        self._left: set[int] = set()  # the commands that may have processes
        self._started: list[int] = []  # not reaped before `close`, so that no other process gets their ids

    def succeeds(self, command: str, environment: Mapping[str, str], until: float) -> bool:
        """Return whether a shell command line exits with 0 before *until*, an instant of `time.monotonic`.

        Its processes are killed then, also those in the background. Raise OSError or ValueError if it can't be started.
        """
        started = self._start(command, environment) if time.monotonic() < until else None
        if started is None:
            return False
        pid, mark = started
        succeeded = _ends(pid, until) and exit_code(pid) == 0
        self._kill(pid, mark)
        return succeeded

    def printed(
        self, command: str, environment: Mapping[str, str], directory: str, until: float, limit: int
    ) -> tuple[str, bytes]:
        """Execute a shell command line in *directory*; return what is wrong with its end, and what it printed.

        The fault is "" if it exits with 0 before *until* (`time.monotonic`) and prints at most *limit* bytes. Its processes
        are killed then, also those in the background. Raise OSError or ValueError if it can't be started.
        """
        reader, writer = os.pipe()
        try:
            started = (
                self._start(command, environment, (directory, writer)) if time.monotonic() < until else None
            )
        finally:
            os.close(writer)
        try:
            if started is None:
                return "was not started in time", b""
            pid, mark = started
            try:
                output = _read(reader, pid, until, limit)
                return _fault(pid, output, until, limit), output
            finally:
                self._kill(pid, mark)
        finally:
            os.close(reader)

    def _kill(self, pid: int, mark: str) -> None:
        """Kill the processes of a command, unless `close` does it."""
        until = time.monotonic() + REAP
        while time.monotonic() < until:
            with self._lock:
                if self._closed:
                    return
                signal_group(pid, signal.SIGKILL)
                if not gate_processes.kill_found([pid], mark):
                    self._left.discard(pid)
                    return
            time.sleep(gate_processes.PAUSE)

    def close(self) -> None:
        """Kill the commands that still run. Further ones are not started."""
        with self._lock:
            self._closed = True
        for pid in self._started:
            signal_group(pid, signal.SIGKILL)
        if self._left:
            gate_processes.kill_all(self._left, self._mark)
            self._left.clear()
        if self._guard is not None:
            signal_group(self._guard, signal.SIGKILL)
            os.close(self._groups)
            self._started.append(self._guard)
            self._guard = None
        until = time.monotonic() + REAP
        while self._started:
            pid = self._started.pop()
            if _ends(pid, until):
                os.waitpid(pid, 0)

    def _start(
        self,
        command: str,
        environment: Mapping[str, str],
        printing: tuple[str, int] | None = None,
        errors: int | str = os.devnull,
    ) -> tuple[int, str] | None:
        """Start a command; return its process id, which is that of its session, and its mark. None after `close`.

        With *printing*, a directory and a descriptor, it is executed there and prints to the descriptor. Its errors go to the
        descriptor or file *errors*.
        """
        with self._lock:
            if self._closed:
                return None
            if self._guard is None:
                self._guard, self._groups = _start_guard(self._mark)
            mark = f"{self._mark}-{len(self._started)}."
            given = {**environment, MARK: mark}
            if printing is None:
                pid = _spawn(COMMAND, [command], given, os.devnull, self._groups)
            else:
                directory, output = printing
                pid = _spawn(SCRIPT, [command, directory], given, os.devnull, self._groups, output, errors)
            self._started.append(pid)
            self._left.add(pid)
            return pid, mark


def _start_guard(mark: str) -> tuple[int, int]:
    """Start the guard; return its process id and the pipe that it reads."""
    reader, writer = os.pipe()
    try:
        script = [sys.executable, gate_processes.__file__, mark]
        return _spawn(GUARD, script, {}, reader, os.devnull), writer
    except OSError:
        os.close(writer)
        raise
    finally:
        os.close(reader)


def _spawn(
    script: str,
    arguments: list[str],
    environment: Mapping[str, str],
    stdin: int | str,
    stdout: int | str,
    output: int | None = None,
    errors: int | str = os.devnull,
) -> int:
    """Execute a shell *script* in a session of its own, with *errors* as its standard error; return its process id.

    It has the descriptor *output* as `OUTPUT`.
    """
    further = [] if output is None else [(os.POSIX_SPAWN_DUP2, output, OUTPUT)]
    return os.posix_spawn(
        SHELL,
        [SHELL, "-c", script, *arguments],
        environment,
        file_actions=[_opened(0, stdin), _opened(1, stdout), _opened(2, errors), *_closed(), *further],
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


def exit_code(pid: int) -> int | None:
    """Return the exit code of a child that has ended, without reaping it; None if a signal ended it."""
    found = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    return found.si_status if found is not None and found.si_code == os.CLD_EXITED else None


def _read(reader: int, pid: int, until: float, limit: int) -> bytes:
    """Return what a child prints until it ends, until *until*, or until it is more than *limit* bytes."""
    found, pidfd = b"", os.pidfd_open(pid)
    poll = select.poll()
    poll.register(reader, select.POLLIN)
    poll.register(pidfd, select.POLLIN)
    try:
        while ready := dict(poll.poll(max(0.0, until - time.monotonic()) * 1000)):
            block = os.read(reader, BLOCK) if reader in ready else b""
            found += block
            if len(found) > limit or (pidfd in ready and not block):
                break  # a process in the background may still have the pipe open
            if reader in ready and not block:
                poll.unregister(reader)
    finally:
        os.close(pidfd)
    return found


def _fault(pid: int, output: bytes, until: float, limit: int) -> str:
    if len(output) > limit:
        return f"printed more than {limit:,} bytes"
    if not _ends(pid, until):
        return "did not end in time"
    code = exit_code(pid)
    if code is None:
        return "was killed by a signal"
    return f"exited with {code}" if code else ""
