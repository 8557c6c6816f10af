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

AT_ONCE = 64  # gates that are asked at the same time; each has a thread and may have processes
JOIN = 0.1  # seconds to wait for threads that ask a gate of which the answer no longer matters


class Asking:
    """The gates of *jobs*, asked in this order. Their commands get the *environment* and the `env` of their job.

    As of the last call of `collect`, *answers* maps jobs to whether their gate is open, *pending* are the others, and
    *unanswered* are those that gave no answer until the time was over: their gates count as closed. Call `close` in the
    end. Raise StateError if this process has no more descriptors.
    """

    def __init__(self, jobs: Sequence[Job], environment: Mapping[str, str]) -> None:
        self.answers: dict[str, bool] = {}
        self.pending = {job.name for job in jobs}
        self.unanswered: list[str] = []
        self._environment = environment
        self._until = time.monotonic() + LIMIT
        self._commands = GateCommands()
        self._waiting = [*reversed(jobs)]
        self._found: dict[str, bool] = {}
        self._lock = threading.RLock()  # also for a signal handler that interrupts `close`
        self._closed = False
        self.fileno, self._writer = _pipe()  # readable if there may be an answer to collect
        for fd in (self.fileno, self._writer):
            os.set_blocking(fd, False)
        self._threads = [threading.Thread(target=self._ask, daemon=True) for _ in jobs[:AT_ONCE]]
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
        return len(self.pending) < before

    def _collect(self) -> bool:
        """Collect the answers that there are; return whether some are missing."""
        with suppress(BlockingIOError):
            os.read(self.fileno, select.PIPE_BUF)
        self.answers = dict(self._found)
        self.pending -= self.answers.keys()
        if self.pending and not self.left:
            self.unanswered = sorted(self.pending)
            self.answers |= dict.fromkeys(self.unanswered, False)
            self.pending.clear()
        return bool(self.pending)

    def wake(self) -> None:
        """Make `fileno` readable. A signal handler may call this."""
        with self._lock, suppress(BlockingIOError):  # a full pipe is readable
            if not self._closed:
                os.write(self._writer, b".")

    def close(self) -> None:
        """Stop asking: kill the processes of gates. A thread in a call that can't be interrupted ends later."""
        self._waiting.clear()
        self._commands.close()
        end = time.monotonic() + JOIN
        for thread in self._threads:
            thread.join(max(0.0, end - time.monotonic()))
        with self._lock:
            if not self._closed:
                os.close(self.fileno)
                os.close(self._writer)
            self._closed = True

    def _ask(self) -> None:
        """Ask gates until none is left."""
        while self._waiting:
            try:
                job = self._waiting.pop()
            except IndexError:  # another thread has taken it
                return
            answer = self._is_open(job)
            if self.left:  # otherwise it is not the answer of the gate, but of its killed command
                self._found[job.name] = answer
            self.wake()

    def _is_open(self, job: Job) -> bool:
        environment = {**self._environment, **job.env}
        return is_open(job.only_if or Gate(), environment, self._commands, self._until)


def _pipe() -> tuple[int, int]:
    try:
        return os.pipe()
    except OSError as error:
        raise StateError(f"gates can't be asked: {error.strerror}; the next tick retries") from error
