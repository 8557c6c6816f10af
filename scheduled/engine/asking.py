"""Ask the gates of a tick side by side, each in a thread, all together within a limited time."""

import os
import select
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress

from scheduled.core.jobs import Gate, Job
from scheduled.engine.gates import is_open
from scheduled.engine.tick_gates import LIMIT
from scheduled.errors import StateError
from scheduled.execution.gate_commands import GateCommands

AT_ONCE = 64  # gates with a command or a connection that are asked at the same time, and as many others
JOIN = 0.1  # seconds to wait for threads that ask a gate of which the answer no longer matters


class Asking:
    """The gates of *jobs*, asked in this order. Their commands get the *environment* and the `env` of their job.

    Gates with a command or a connection to a host may take long: the others have threads of their own.

    As of the last call of `collect`, *answers* maps jobs to whether their gate is open, and *pending* are the others. When
    the time is over, *unanswered* are those that gave no answer, and *unasked* those that were not asked, since others
    took the time: their gates count as closed. Call `close` in the end. Raise StateError if this process has no more
    descriptors.
    """

    def __init__(self, jobs: Sequence[Job], environment: Mapping[str, str]) -> None:
        self.answers: dict[str, bool] = {}
        self.pending = {job.name for job in jobs}
        self.unanswered: list[str] = []
        self.unasked: list[str] = []
        self._environment = environment
        self._until = time.monotonic() + LIMIT
        self._commands = GateCommands()
        self._slow = [job for job in reversed(jobs) if _may_take_long(job)]
        self._quick = sorted(
            (job for job in reversed(jobs) if not _may_take_long(job)), key=_has_path, reverse=True
        )
        self._asked: set[str] = set()
        self._found: dict[str, bool] = {}
        self._lock = threading.RLock()  # also for a signal handler that interrupts `close`
        self._closed = False
        self.fileno, self._writer = _pipe()  # readable if there may be an answer to collect
        for fd in (self.fileno, self._writer):
            os.set_blocking(fd, False)
        slow = [self._thread(self._slow, self._quick) for _ in self._slow[:AT_ONCE]]
        quick = [self._thread(self._quick) for _ in self._quick[:AT_ONCE]]
        self._threads = [*slow[:1], *quick, *slow[1:]]
        try:
            for thread in self._threads:
                thread.start()
        except (
            RuntimeError
        ):  # the system has no more threads for this user: those that there are ask all gates
            self._threads = [thread for thread in self._threads if thread.ident is not None]

    @property
    def left(self) -> float:
        """The seconds until the time for all gates is over."""
        return max(0.0, self._until - time.monotonic())

    def collect(self, wait: float = 0.0) -> bool:
        """Collect the answers, waiting up to *wait* seconds for all; return whether there is a new one."""
        before, end = len(self.pending), time.monotonic() + wait
        poll = select.poll()
        poll.register(self.fileno, select.POLLIN)
        while self._collect() and poll.poll(max(0.0, end - time.monotonic()) * 1000):
            pass
        self._collect()  # the time may be over now
        return len(self.pending) < before

    def _collect(self) -> bool:
        """Collect the answers that there are; return whether some are missing."""
        with suppress(BlockingIOError):
            os.read(self.fileno, select.PIPE_BUF)
        if not self.pending:
            return False
        self.answers = dict(self._found)
        self.pending -= self.answers.keys()
        if self.pending and not self.left:
            self.unanswered = sorted(self.pending & self._asked)
            self.unasked = sorted(self.pending - self._asked)
            self.answers |= dict.fromkeys(self.pending, False)
            self.pending.clear()
        return bool(self.pending)

    def wake(self) -> None:
        """Make `fileno` readable. A signal handler may call this."""
        with self._lock, suppress(BlockingIOError):  # a full pipe is readable
            if not self._closed:
                os.write(self._writer, b".")

    def close(self) -> None:
        """Stop asking: kill the processes of gates. A thread in a call that can't be interrupted ends later."""
        self._slow.clear()
        self._quick.clear()
        self._commands.close()
        end = time.monotonic() + JOIN
        for thread in self._threads:
            thread.join(max(0.0, end - time.monotonic()))
        with self._lock:
            if not self._closed:
                os.close(self.fileno)
                os.close(self._writer)
            self._closed = True

    def _thread(self, *waiting: list[Job]) -> threading.Thread:
        return threading.Thread(target=self._ask, args=waiting, daemon=True)

    def _ask(self, *waiting: list[Job]) -> None:
        """Ask the gates of the jobs that are *waiting* until none is left, or the time is over."""
        while (jobs := next(filter(None, waiting), None)) and self.left:
            try:
                job = jobs.pop()
            except IndexError:  # another thread has taken it
                continue
            self._asked.add(job.name)
            answer = self._is_open(job)
            if self.left:  # otherwise it is not the answer of the gate, but of its killed command
                self._found[job.name] = answer
            self.wake()

    def _is_open(self, job: Job) -> bool:
        environment = {**self._environment, **job.env}
        return is_open(job.only_if or Gate(), environment, self._commands, self._until)


def _may_take_long(job: Job) -> bool:
    gate = job.only_if or Gate()
    return bool(gate.command) or gate.network not in ("", "default")


def _has_path(job: Job) -> bool:
    """Return whether the gate of *job* looks for a path, which takes long if a server does not answer."""
    return bool((job.only_if or Gate()).path)


def _pipe() -> tuple[int, int]:
    try:
        return os.pipe()
    except OSError as error:
        raise StateError(f"gates can't be asked: {error.strerror}; the next tick retries") from error
