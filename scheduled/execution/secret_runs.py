"""Attempts of a supervisor that wait for their secrets, side by side: none of them holds up other jobs for long."""

import os
import select
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from scheduled.execution.protocol import Ended, NotStarted, Spec

if TYPE_CHECKING:
    from scheduled.execution.secret_getter import SecretGetter

HOLD = 5.0  # seconds for which an attempt that waits keeps its place among those that run at a time
AT_ONCE = 16


class SecretRuns:
    """The attempts that wait for their secrets, each with a process that gets them."""

    def __init__(self) -> None:
        self._getters: list[SecretGetter] = []
        self._exiting: list[int] = []  # pids of processes that are not reaped yet

    def __bool__(self) -> bool:
        return bool(self._getters)

    def begin(self, spec: Spec) -> bool:
        """Begin to get the secrets of *spec*; return False if too many attempts wait already. Raise OSError."""
        from scheduled.execution.secret_getter import SecretGetter  # most ticks have no job with secrets

        if len(self._getters) < AT_ONCE:
            self._getters.append(SecretGetter(spec))
            return True
        return False

    @property
    def places(self) -> int:
        """How many attempts keep their place: those that have not waited for long."""
        return sum(time.monotonic() < getter.started + HOLD for getter in self._getters)

    def groups(self) -> list[str]:
        """Return the groups of the attempts that wait."""
        return [getter.spec.group for getter in self._getters]

    def register(self, poll: "select.poll") -> None:
        """Make *poll* wait for the answers."""
        for getter in self._getters:
            poll.register(getter, select.POLLIN)

    def moments(self) -> Iterator[float]:
        """Yield the instants at which a place becomes free, or a process has had its time."""
        for getter in self._getters:
            held = getter.started + HOLD
            yield held if time.monotonic() < held else getter.end

    def collect(self) -> Iterator[Spec | Ended | NotStarted]:
        """Yield the attempts that have their secrets now, and records of those that do not start."""
        if not self._getters and not self._exiting:
            return
        self._exiting = [pid for pid in self._exiting if not os.waitpid(pid, os.WNOHANG)[0]]
        for getter in [getter for getter in self._getters if getter.is_over()]:
            self._dismiss(getter)
            yield getter.result()

    def stop(self, wanted: Callable[[Spec], bool] = lambda _: True) -> list[Spec]:
        """Give up all attempts that wait, or those that are *wanted*, and return them."""
        waiting = [getter for getter in self._getters if wanted(getter.spec)]
        for getter in waiting:
            self._dismiss(getter)
        return [getter.spec for getter in waiting]

    def _dismiss(self, getter: "SecretGetter") -> None:
        self._getters.remove(getter)
        getter.close()
        self._exiting.append(getter.pid)
