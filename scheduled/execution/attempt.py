"""One attempt in the hands of the supervisor, and how it ended."""

import errno
import os
import signal
import time
from typing import TYPE_CHECKING

import msgspec

from scheduled.core.runs import AttemptResult, AttemptStatus
from scheduled.execution.capped_output import CappedOutput
from scheduled.execution.protocol import Spec
from scheduled.masking import Mask
from scheduled.printable import printable

if TYPE_CHECKING:
    from scheduled.execution.handler_host import HandlerHost

# What the machine has too little of is no failure of the job's.
SHORTAGE = frozenset({errno.EAGAIN, errno.ENOMEM, errno.EMFILE, errno.ENFILE})


class Attempt(msgspec.Struct, kw_only=True):
    """One attempt while it runs, in the process *pid*; *cause* says why the supervisor is killing it."""

    spec: Spec
    pid: int
    host: "HandlerHost | None"
    output: CappedOutput
    started_at: float
    started: float
    deadline: float
    cause: AttemptStatus | None = None


def result_of(running: Attempt, code: int) -> AttemptResult:
    """Return how an attempt ended that came to its end with *code* just now; closes its output."""
    return AttemptResult(
        run_id=running.spec.run_id,
        attempt=running.spec.attempt,
        status=_status(running, code),
        started_at=running.started_at,
        finished_at=time.time(),
        duration_ms=int((time.monotonic() - running.started) * 1000),
        exit_code=code if code >= 0 else 128 - code,
        signal=-code if code < 0 else None,
        reason=_reason(running, code),
        output_bytes=running.output.close(),
    )


def not_startable(spec: Spec, at: float, error: Exception) -> AttemptResult:
    """Return how an attempt ended whose program can't be started, as a shell would have it: 127 if there is none."""
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
    """Return the exit code of what has come to an end, a signal's number below 0; None for what goes on."""
    if running.host is not None and (code := running.host.answer()) is not None:
        return code
    pid, status = os.waitpid(running.pid, os.WNOHANG)
    if pid and running.host is not None:
        running.host.lasts, running.host.reaped = False, True
    return os.waitstatus_to_exitcode(status) if pid else None


def masked(spec: Spec, reason: str) -> str:
    """Return *reason* as it may be shown."""
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
        return "the runner was stopped"
    if code < 0:
        return f"killed by {_signal_name(-code)}"
    return f"exit code {code}" if code else ""


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
