"""Start the processes of attempts: programs, and the handler processes that the supervisor keeps."""

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from scheduled.core.runs import IN_PRE
from scheduled.errors import StateError
from scheduled.execution import process
from scheduled.execution.attempt import (
    SHORTAGE,
    Attempt,
    Step,
    give_up,
    has_steps,
    masked,
    not_startable,
    open_output,
)
from scheduled.execution.capped_output import CappedOutput
from scheduled.execution.protocol import Ended, NotStarted, Spec
from scheduled.masking import Mask
from scheduled.state.locks import hold

if TYPE_CHECKING:
    from scheduled.execution.handler_host import HandlerHost
    from scheduled.execution.host_pool import HandlerHostPool


class Starter:
    """Starts attempts for a supervisor. *sync* writes all results to disk, or returns False; *running* are the attempts that run."""

    def __init__(self, sync: Callable[[], bool], running: Sequence[Attempt]) -> None:
        self._sync = sync
        self._running = running
        self._hosts: HandlerHostPool | None = None

    def start(self, spec: Spec) -> Attempt | Ended | NotStarted:
        """Start an attempt; return it, or the record that it could not be started."""
        try:
            output = open_output(spec)
        except OSError as error:
            return _not_started(spec, masked(spec, f"{error.filename or spec.kept}: {error.strerror}"))
        try:
            hold(output, spec.output)
            return self._begun(spec, output)
        except (OSError, ValueError, StateError) as error:
            give_up(spec, output)
            if isinstance(error, StateError) or getattr(error, "errno", None) in SHORTAGE:
                return _not_started(spec, getattr(error, "strerror", None) or str(error))
            return Ended(attempt_result=not_startable(spec, time.time(), error, IN_PRE if spec.pre else ""))
        except Exception as error:  # noqa: BLE001 - an ImportError during an upgrade
            give_up(spec, output)
            return _not_started(spec, masked(spec, f"{type(error).__name__}: {error}"))

    def _begun(self, spec: Spec, output: int) -> Attempt:
        """Start the first process of an attempt. Raise an error if that is not possible."""
        at, moment = time.time(), time.monotonic()
        step: Step = "command"
        stderr = None
        if has_steps(spec):
            from scheduled.execution import steps  # rarely needed

            step, (pid, host), stderr = steps.begin(spec, output, self.process)
        else:
            pid, host = self.process(spec, output)
        running = Attempt(
            spec=spec,
            pid=pid,
            host=host,
            output=CappedOutput(
                output, spec.output_limit, Mask(spec.secrets), process.file_size_limit(spec.limits)
            ),
            started_at=at,
            started=moment,
            deadline=moment + spec.timeout,
            step=step,
            stderr=stderr,
        )
        if has_steps(spec):
            from scheduled.execution.steps import prepare_search

            prepare_search(running)
        return running

    def process(self, spec: Spec, output: int, stderr: int | None = None) -> "tuple[int, HandlerHost | None]":
        """Start the program, or assign the task to a handler process; return the pid and that process.

        Raise OSError, ValueError or StateError if that is not possible.
        """
        if spec.task is None or spec.attempt > 1:
            # A program may change files that handler processes have cached, and a retry must not use cached
            # data.
            self._dismiss_hosts()
        if spec.task is None:
            return process.spawn(spec, output, stderr), None
        host = self._host_pool().assign(spec, output)
        return host.pid, host

    def ended(self, running: Attempt) -> None:
        """Dismiss the handler processes that must do no more after a process of *running* has ended."""
        if running.host is None:
            self._dismiss_hosts()
        elif running.cause is not None or not running.host.reusable:
            self._host_pool().dismiss(running.host)

    def reap(self) -> None:
        """Reap the handler processes that were dismissed and have exited."""
        if self._hosts is not None:
            self._hosts.reap()

    def _host_pool(self) -> "HandlerHostPool":
        if self._hosts is None:
            from scheduled.execution.host_pool import HandlerHostPool

            self._hosts = HandlerHostPool(self._sync)
        return self._hosts

    def _dismiss_hosts(self) -> None:
        if self._hosts is not None:
            self._hosts.dismiss_all([running.host for running in self._running])


def _not_started(spec: Spec, reason: str) -> NotStarted:
    return NotStarted(run_id=spec.run_id, attempt=spec.attempt, reason=reason)
