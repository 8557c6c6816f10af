"""Signals that stop a command which waits for the job that it has started: the job is ended, as by a tick."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self

from scheduled.execution.client import SupervisorClient

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stopping:
    """While this context is open, the first of `SIGNALS` is kept in *by*, and ends the jobs of the current supervisor.

    A signal that this process ignores stays ignored. In another thread than the main one no signal is handled.
    """

    def __init__(self) -> None:
        self.by: str | None = None
        self._supervisor: SupervisorClient | None = None
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            heeded = [number for number in SIGNALS if signal.getsignal(number) != signal.SIG_IGN]
            self._before = {number: signal.signal(number, self._on_signal) for number in heeded}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    @contextmanager
    def ending(self, supervisor: SupervisorClient) -> Iterator[None]:
        """Let the signals end the jobs of *supervisor*, and close it at the end."""
        self._supervisor = supervisor
        try:
            if self.by is not None:
                supervisor.stop()
            yield
        finally:
            self._supervisor = None
            supervisor.close()

    def _on_signal(self, number: int, _frame: object) -> None:
        self.by = self.by or signal.Signals(number).name
        if self._supervisor is not None:
            self._supervisor.stop()
