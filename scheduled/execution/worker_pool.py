"""Which child does a handler's work: one that has served before, as long as nothing else has run meanwhile."""

import os
import signal
from collections.abc import Callable, Collection

from scheduled.errors import StateError
from scheduled.execution import handler_run as handler
from scheduled.execution import process
from scheduled.execution.protocol import Spec
from scheduled.execution.worker import Servant


class Servants:
    """The children of a supervisor; *settled* makes the ends of their runs durable, and tells whether they are."""

    def __init__(self, settled: Callable[[], bool]) -> None:
        self._settled = settled
        self._servants: list[Servant] = []
        self._leaving: list[int] = []  # who is dismissed, and not reaped yet

    def given(self, spec: Spec, output: int) -> Servant:
        """Return the child that does *spec* now, its output and the run's lock in *output*.

        Raises OSError or StateError if there can't be one.
        """
        for servant in [servant for servant in self._servants if servant.suits(spec)]:
            # Who reads of the end of its last run must not take this one's process for that one's.
            if self._settled() and self._gave(servant, spec, output):
                return servant
        servant = Servant(spec, handler.serve)
        self._servants.append(servant)
        if not self._gave(servant, spec, output):
            raise StateError("its process was gone before it began")
        return servant

    def _gave(self, servant: Servant, spec: Spec, output: int) -> bool:
        try:
            servant.give(spec, output)
        except OSError:  # it is gone, or stands still
            process.signal_group(servant.pid, signal.SIGKILL)
            self.dismiss(servant)
            return False
        return True

    def dismiss_all(self, busy: Collection[Servant | None]) -> None:
        """Let none serve any more, the *busy* ones once they are done: something else has its hands in the world."""
        for servant in list(self._servants):
            servant.lasts = False
            if servant not in busy:
                self.dismiss(servant)

    def dismiss(self, servant: Servant) -> None:
        """Let one go."""
        self._servants.remove(servant)
        if not servant.reaped:
            self._leaving.append(servant.pid)
        servant.dismiss()

    def reap(self) -> None:
        """Take note of the ends of those that were let go."""
        self._leaving = [pid for pid in self._leaving if not os.waitpid(pid, os.WNOHANG)[0]]
