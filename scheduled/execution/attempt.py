"""An attempt that the supervisor executes, and its result."""

import errno
import os
import signal
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from scheduled.core.runs import AttemptResult, AttemptStatus
from scheduled.errors import StateError
from scheduled.execution import kept_secrets, process
from scheduled.execution.capped_output import CappedOutput
from scheduled.execution.masked_output import MaskedOutput
from scheduled.execution.protocol import Spec
from scheduled.masking import Mask
from scheduled.printable import printable

if TYPE_CHECKING:
    from scheduled.core.failure_classes import FailureClass
    from scheduled.execution.handler_host import HandlerHost

# Errors that mean that the machine lacks a resource: they are not failures of the job.
SHORTAGE = frozenset({errno.EAGAIN, errno.ENOMEM, errno.EMFILE, errno.ENFILE})

RECOGNISED = 4096  # bytes at the end of an output from which the class of a failure is recognised


class Attempt(msgspec.Struct, kw_only=True):
    """A running attempt, in the process *pid*.

    *started_at* is in UTC seconds, *started* and *deadline* are on the monotonic clock. *cause* is why the
    supervisor is killing it, None as long as it is not.
    """

    spec: Spec
    pid: int
    host: "HandlerHost | None"
    output: CappedOutput
    started_at: float
    started: float
    deadline: float
    cause: AttemptStatus | None = None


def result_of(running: Attempt, code: int) -> AttemptResult:
    """Return the result of an attempt that has ended with *code* (see `code_of`), and close and mask its output."""
    status = _status(running, code)
    recognised = _failure_class(running) if status == "failed" else None
    printed = running.output.close()
    seal(running.spec)
    return AttemptResult(
        run_id=running.spec.run_id,
        attempt=running.spec.attempt,
        status=status,
        started_at=running.started_at,
        finished_at=time.time(),
        duration_ms=int((time.monotonic() - running.started) * 1000),
        exit_code=code if code >= 0 else 128 - code,
        signal=-code if code < 0 else None,
        reason=_reason(running, code),
        output_bytes=printed,
        failure_class=recognised,
    )


def _failure_class(running: Attempt) -> "FailureClass | None":
    from scheduled.core.failure_classes import failure_class  # only if a job has failed

    return failure_class(running.output.end(RECOGNISED))


def open_output(spec: Spec) -> int:
    """Keep the secrets of *spec*, then create its output; return the descriptor. Raise OSError, with the file's name.

    Readers of an output rely on this order.
    """
    try:
        if spec.secrets:
            kept_secrets.keep(Path(spec.kept), spec.secrets)
        return process.open_output(spec.output)
    except OSError:
        seal(spec)
        raise


def give_up(spec: Spec, output: int) -> None:
    """Close the *output* of an attempt that could not be started, and remove its secrets."""
    os.close(output)
    seal(spec)


def seal(spec: Spec) -> None:
    """Mask the output of an attempt on disk. If that is not possible now, a later tick does it, and readers mask it."""
    if spec.secrets:
        with suppress(OSError, StateError):
            MaskedOutput(Path(spec.output), Path(spec.kept)).seal(Mask(spec.secrets))


def not_startable(spec: Spec, at: float, error: Exception) -> AttemptResult:
    """Return a failed result for a program that can't be started: exit code 127 if it does not exist, or 126.

    These are the exit codes of a shell.
    """
    where = getattr(error, "filename", None)
    what = getattr(error, "strerror", None) or str(error)
    return AttemptResult(
        run_id=spec.run_id,
        attempt=spec.attempt,
        status="failed",
        started_at=at,
        finished_at=time.time(),
        duration_ms=0,
        exit_code=127 if isinstance(error, FileNotFoundError) else 126,
        reason=masked(spec, f"cannot start: {where}: {what}" if where else f"cannot start: {what}"),
    )


def code_of(running: Attempt) -> int | None:
    """Return the exit code of an attempt, minus the signal's number if killed, or None if it still runs."""
    if running.host is not None and (code := running.host.exit_code()) is not None:
        return code
    pid, status = os.waitpid(running.pid, os.WNOHANG)
    if pid and running.host is not None:
        running.host.reusable, running.host.reaped = False, True
    return os.waitstatus_to_exitcode(status) if pid else None


def masked(spec: Spec, reason: str) -> str:
    """Return *reason* with secrets masked and unprintable characters escaped."""
    return printable(Mask(spec.secrets).text(reason))


def _status(running: Attempt, code: int) -> AttemptStatus:
    if code in running.spec.success_codes:
        return "success"
    if running.cause is not None:
        return running.cause
    return "deferred" if code == os.EX_TEMPFAIL else "failed"


def _reason(running: Attempt, code: int) -> str:
    if running.cause == "timed_out" and code:
        return f"timed out after {running.spec.timeout} s"
    if running.cause == "interrupted" and code:
        return "the tick was stopped"
    if code < 0:
        return f"killed by {_signal_name(-code)}"
    return f"exit code {code}" if code else ""


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
