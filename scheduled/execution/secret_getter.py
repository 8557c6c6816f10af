"""The process that gets the secrets of one attempt. They exist only in its memory and in that of its supervisor."""

import json
import os
import signal
import socket
import time
from typing import NoReturn

import msgspec

from scheduled.clock import now
from scheduled.core.runs import AttemptResult
from scheduled.core.secret_sources import LIMIT
from scheduled.errors import ScheduledError
from scheduled.execution import process
from scheduled.execution.attempt import masked
from scheduled.execution.protocol import Ended, NotStarted, Spec
from scheduled.execution.secret_values import values_of
from scheduled.masking import in_all_forms, longest_first

GRACE = 5.0  # seconds after the limit, within which the process must have ended by itself
PIECE = 1 << 16
KILLED = "its secrets could not be read: the process that reads them was killed"


class SecretGetter:
    """A forked process that gets the secrets of *spec*, from the instant *started* on (`time.monotonic`).

    Raise OSError if it can't be forked.
    """

    def __init__(self, spec: Spec) -> None:
        self.spec, self.started = spec, time.monotonic()
        self._at = now()
        self._data = b""
        self._channel, child_end = socket.socketpair()
        try:
            self.pid = os.fork()
            if self.pid == 0:
                _run_child(child_end, spec)
        except OSError:
            self._channel.close()
            raise
        finally:
            child_end.close()

    @property
    def end(self) -> float:
        """The instant of `time.monotonic` after which the process hangs, and is killed."""
        return self.started + LIMIT + GRACE

    def fileno(self) -> int:
        """Return the descriptor that is readable when there is an answer."""
        return self._channel.fileno()

    def is_over(self) -> bool:
        """Read what the process has sent; return whether it has ended, or hangs."""
        try:
            while piece := self._channel.recv(PIECE, socket.MSG_DONTWAIT):
                self._data += piece
        except BlockingIOError:
            return time.monotonic() > self.end
        except ConnectionResetError:
            return True
        return True

    def close(self) -> None:
        """Close the channel: the process then ends, with its commands. Kill it if it hangs."""
        self._channel.close()
        if time.monotonic() > self.end:
            process.signal_group(self.pid, signal.SIGKILL)

    def result(self) -> Spec | Ended | NotStarted:
        """Return the attempt with its secrets, or the record of why it does not start."""
        try:
            answer = json.loads(self._data)
        except ValueError:
            if time.monotonic() > self.end:
                return self._failed(f"secrets: no answer within {LIMIT:.0f} s")
            return NotStarted(run_id=self.spec.run_id, attempt=self.spec.attempt, reason=KILLED)
        return self._failed(answer) if isinstance(answer, str) else with_secrets(self.spec, answer)

    def _failed(self, reason: str) -> Ended:
        result = AttemptResult(
            run_id=self.spec.run_id,
            attempt=self.spec.attempt,
            status="failed",
            started_at=self._at,
            finished_at=now(),
            duration_ms=int((time.monotonic() - self.started) * 1000),
            exit_code=os.EX_CONFIG,
            reason=masked(self.spec, reason),
        )
        return Ended(attempt_result=result)


def with_secrets(spec: Spec, values: dict[str, str]) -> Spec:
    """Return *spec* with the secrets in its environment, and among those that are masked."""
    known = longest_first({*spec.secrets, *in_all_forms(values.values())})
    return msgspec.structs.replace(spec, env={**spec.env, **values}, secrets=known, secret_sources={})


def _run_child(channel: socket.socket, spec: Spec) -> NoReturn:
    """Send the secrets of *spec* from the forked child, or the reason why they can't be had; never return."""
    code = 1
    try:
        process.detach(channel.fileno())
        channel.sendall(json.dumps(_answer(channel, spec)).encode())
        code = 0
    finally:  # without an answer the supervisor knows that the process has failed
        os._exit(code)


def _answer(channel: socket.socket, spec: Spec) -> dict[str, str] | str:
    try:
        os.chdir(spec.cwd)
        return values_of(spec.secret_sources, spec.env, channel.fileno())
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        return f"cannot start: {where}{error.strerror}"
    except ScheduledError as error:
        return str(error)
