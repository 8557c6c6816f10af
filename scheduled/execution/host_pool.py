"""Which child does a handler's work: one that has served before, as long as nothing else has run meanwhile."""

import os
import signal
from collections.abc import Callable, Collection

from scheduled.errors import StateError
from scheduled.execution import handler_run, process
from scheduled.execution.handler_host import HandlerHost
from scheduled.execution.protocol import Spec


class HandlerHostPool:
    """The children of a supervisor; *settled* makes the ends of their runs durable, and tells whether they are."""

    def __init__(self, settled: Callable[[], bool]) -> None:
        self._settled = settled
        self._hosts: list[HandlerHost] = []
        self._leaving: list[int] = []  # who is dismissed, and not reaped yet

    def given(self, spec: Spec, output: int) -> HandlerHost:
        """Return the child that does *spec* now, its output and the run's lock in *output*.

        Raises OSError or StateError if there can't be one.
        """
        for host in [host for host in self._hosts if host.suits(spec)]:
            # Who reads of the end of its last run must not take this one's process for that one's.
            if self._settled() and self._gave(host, spec, output):
                return host
        host = HandlerHost(spec, handler_run.serve)
        self._hosts.append(host)
        if not self._gave(host, spec, output):
            raise StateError("its process was gone before it began")
        return host

    def _gave(self, host: HandlerHost, spec: Spec, output: int) -> bool:
        try:
            host.give(spec, output)
        except OSError:  # it is gone, or stands still
            process.signal_group(host.pid, signal.SIGKILL)
            self.dismiss(host)
            return False
        return True

    def dismiss_all(self, busy: Collection[HandlerHost | None]) -> None:
        """Let none serve any more, the *busy* ones once they are done: something else has its hands in the world."""
        for host in list(self._hosts):
            host.lasts = False
            if host not in busy:
                self.dismiss(host)

    def dismiss(self, host: HandlerHost) -> None:
        """Let one go."""
        self._hosts.remove(host)
        if not host.reaped:
            self._leaving.append(host.pid)
        host.dismiss()

    def reap(self) -> None:
        """Take note of the ends of those that were let go."""
        self._leaving = [pid for pid in self._leaving if not os.waitpid(pid, os.WNOHANG)[0]]
