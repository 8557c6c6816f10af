"""Choose the process that runs a handler: reuse an idle one if no other program has run in between."""

import os
import signal
from collections.abc import Callable, Collection

from scheduled.errors import StateError
from scheduled.execution import handler_run, process
from scheduled.execution.handler_host import HandlerHost
from scheduled.execution.protocol import Spec


class HandlerHostPool:
    """The handler processes of a supervisor. *sync* writes all results to disk, or returns False."""

    def __init__(self, sync: Callable[[], bool]) -> None:
        self._sync = sync
        self._hosts: list[HandlerHost] = []
        self._exiting: list[int] = []  # pids of dismissed processes that are not reaped yet

    def assign(self, spec: Spec, output: int) -> HandlerHost:
        """Start *spec* in a handler process and return that process; *output* also holds the run's lock.

        Raise OSError or StateError if no process can run it.
        """
        for host in [host for host in self._hosts if host.suits(spec)]:
            # The result of its last run must be on disk first. Otherwise, after a crash, that run would seem
            # to be still running, because its process is alive.
            if self._sync() and self._send(host, spec, output):
                return host
        host = HandlerHost(spec, handler_run.serve)
        self._hosts.append(host)
        if not self._send(host, spec, output):
            raise StateError("its process ended before the handler began")
        return host

    def _send(self, host: HandlerHost, spec: Spec, output: int) -> bool:
        try:
            host.send(spec, output)
        except OSError:  # the process has ended, or is stopped
            process.signal_group(host.pid, signal.SIGKILL)
            self.dismiss(host)
            return False
        return True

    def dismiss_all(self, busy: Collection[HandlerHost | None]) -> None:
        """Dismiss all processes, the *busy* ones after their current run.

        Another program is about to change files, so what they have read and cached may become stale.
        """
        for host in list(self._hosts):
            host.reusable = False
            if host not in busy:
                self.dismiss(host)

    def dismiss(self, host: HandlerHost) -> None:
        """Give *host* no more work; it exits after its current run."""
        self._hosts.remove(host)
        if not host.reaped:
            self._exiting.append(host.pid)
        host.dismiss()

    def reap(self) -> None:
        """Reap dismissed processes that have exited."""
        self._exiting = [pid for pid in self._exiting if not os.waitpid(pid, os.WNOHANG)[0]]
