"""An attempt that the supervisor executes, and its result."""

import errno
import os
import signal
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import msgspec

from scheduled.core.runs import AttemptResult, AttemptStatus
from scheduled.errors import StateError
from scheduled.execution import process
from scheduled.execution.capped_output import CappedOutput
from scheduled.execution.protocol import Spec
from scheduled.execution.stop_orders import STOPPED
from scheduled.masking import Mask
from scheduled.printable import printable

if TYPE_CHECKING:
    from scheduled.core.failure_classes import FailureClass
    from scheduled.execution.handler_host import HandlerHost

# Errors that mean that the machine lacks a resource: they are not failures of the job.
SHORTAGE = frozenset({errno.EAGAIN, errno.ENOMEM, errno.EMFILE, errno.ENFILE})

Step = Literal["pre", "command", "search", "fresh", "expect", "post"]
CHECKS: frozenset[Step] = frozenset({"search", "fresh"})  # short processes of the supervisor itself

RECOGNISED = 4096  # bytes at the end of an output from which the class of a failure is recognised


class Attempt(msgspec.Struct, kw_only=True):
    """A running attempt, in the process *pid*.

    *started_at* is in UTC seconds, *started* and *deadline* are on the monotonic clock. *cause* is why the
    supervisor is killing it, None as long as it is not. *step* is what the process executes, *so_far* the result of the steps
    before it. *stderr* is the standard error of the command, if it must be known apart from its output.
    """

    spec: Spec
    pid: int
    host: "HandlerHost | None"
    output: CappedOutput
    started_at: float
    started: float
    deadline: float
    cause: AttemptStatus | None = None
    step: Step = "command"
    stderr: int | None = None
    so_far: AttemptResult | None = None


def has_steps(spec: Spec) -> bool:
    """Return whether an attempt has more than its command; see `execution.steps`."""
    return bool(spec.pre or spec.post or spec.fails_if is not None or spec.expect is not None)


def is_left(running: Attempt) -> bool:
    """Given that the tick is stopped, return whether a step is left to end by itself; `post` has a short time for it."""
    if running.step == "post":
        running.deadline = min(running.deadline, time.monotonic() + running.spec.kill_after)
    return running.step == "post" or running.step in CHECKS


def result_of(running: Attempt, code: int) -> AttemptResult:
    """Return the result of an attempt that has ended with *code* (see `code_of`), and close and mask its output."""
    return closed(running, judged(running, code))


def closed(running: Attempt, result: AttemptResult) -> AttemptResult:
    """Close and mask the output of an attempt that has ended with *result*; return the complete result."""
    printed = running.output.close()
    seal(running.spec)
    return msgspec.structs.replace(
        result,
        finished_at=time.time(),
        duration_ms=int((time.monotonic() - running.started) * 1000),
        output_bytes=printed,
    )


def judged(running: Attempt, code: int) -> AttemptResult:
    """Return the result of an attempt of which the command has ended with *code*. Its output stays open."""
    status = _status(running, code)
    return AttemptResult(
        run_id=running.spec.run_id,
        attempt=running.spec.attempt,
        status=status,
        started_at=running.started_at,
        finished_at=time.time(),
        duration_ms=int((time.monotonic() - running.started) * 1000),
        exit_code=code if code >= 0 else 128 - code,
        signal=-code if code < 0 else None,
        reason=ending(running, code) if code or status != "success" else "",
        failure_class=recognised(running, status),
    )


def recognised(running: Attempt, status: AttemptStatus) -> "FailureClass | None":
    """Return the class of a failure, as it is recognised from the end of the output."""
    if status != "failed":
        return None
    from scheduled.core.failure_classes import failure_class  # only if a job has failed

    return failure_class(running.output.end(RECOGNISED))


def open_output(spec: Spec) -> int:
    """Keep the secrets of *spec*, then create its output; return the descriptor. Raise OSError, with the file's name.

    Readers of an output rely on this order.
    """
    try:
        if spec.secrets:
            from scheduled.execution import kept_secrets  # most jobs have none

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
        from scheduled.execution.masked_output import MaskedOutput  # most jobs have none

        with suppress(OSError, StateError):
            MaskedOutput(Path(spec.output), Path(spec.kept)).seal(Mask(spec.secrets))


def not_startable(spec: Spec, at: float, error: Exception, step: str = "") -> AttemptResult:
    """Return a failed result for a program that can't be started: exit code 127 if it does not exist, or 126.

    These are the exit codes of a shell. The reason begins with *step*.
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
        reason=masked(
            spec, f"{step}cannot start: {where}: {what}" if where else f"{step}cannot start: {what}"
        ),
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


def ending(running: Attempt, code: int) -> str:
    """Return in words how a step of an attempt ended, with *code*, that did not end well."""
    if running.cause == "timed_out":
        return f"timed out after {running.spec.timeout} s"
    if running.cause == "interrupted":
        return "the tick was stopped"
    if running.cause == "stopped":
        return STOPPED
    if code < 0:
        return f"killed by {_signal_name(-code)}"
    codes = ", ".join(map(str, sorted(running.spec.success_codes)))
    return f"exit code {code}" if code else f"exit code 0, which is not one of its success_codes ({codes})"


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
