"""Execute the commands that print secrets: their output is read into memory, and never written to a file."""

import os
import select
import signal
import time
from collections.abc import Mapping
from contextlib import suppress

from scheduled.core.secret_sources import LIMIT, MOST
from scheduled.errors import ScheduledError
from scheduled.execution import gate_processes
from scheduled.execution.gate_commands import GateCommands, exit_code
from scheduled.execution.process import signal_group

PIECE = 1 << 16
REMARK = 300  # bytes of the errors of a command that are shown


class SecretCommands(GateCommands):
    """The commands of the secrets of one attempt. They end if *owner*, a descriptor, becomes readable."""

    def __init__(self, owner: int) -> None:
        super().__init__()
        self._owner = owner

    def secret(self, command: str, environment: Mapping[str, str], until: float) -> bytes:
        """Return what a shell command line prints. Raise ScheduledError if it fails, prints too much, or lasts after *until*.

        *until* is an instant of `time.monotonic`. The processes of its session are killed in the end; if it fails also those
        that have left the session. After success they may stay: an agent such as gpg-agent serves later commands, too.
        """
        out, err = os.pipe(), os.pipe()
        try:
            started = self._start(command, environment, (os.curdir, out[1]), err[1])
        finally:
            os.close(out[1])
            os.close(err[1])
        assert started is not None  # it is closed after its last command
        pid, mark = started
        try:
            found, remark = self._read(pid, out[0], err[0], until)
            self._check(pid, remark)
        except ScheduledError:
            self._kill(pid, mark)
            raise
        finally:
            os.close(out[0])
            os.close(err[0])
        self._end_session(pid)
        return found

    def _read(self, pid: int, out: int, err: int, until: float) -> tuple[bytes, bytes]:
        """Return the output and the last errors of a command that has ended."""
        found = {out: b"", err: b""}
        process = os.pidfd_open(pid)
        poll = select.poll()
        for fd in (process, out, err, self._owner):
            poll.register(fd, select.POLLIN)
        for fd in (out, err):
            os.set_blocking(fd, False)
        try:
            ended = False
            while not ended:
                ready = {fd for fd, _ in poll.poll(max(0.0, until - time.monotonic()) * 1000)}
                if not ready:
                    raise ScheduledError(f"it gave no answer within {LIMIT:.0f} s")
                if self._owner in ready:
                    raise ScheduledError("it was stopped")
                ended = process in ready  # asked before the last read
                for fd in (out, err):
                    if fd in ready or ended:
                        _take(fd, found, poll, whole=ended)
                if len(found[out]) > MOST:
                    raise ScheduledError(
                        f"it printed more than {MOST} bytes, the most that a secret may have"
                    )
                found[err] = found[err][-PIECE:]
        finally:
            os.close(process)
        return found[out], found[err]

    def _check(self, pid: int, remark: bytes) -> None:
        """Raise ScheduledError, with the errors that it printed, unless a command ended with exit code 0."""
        code = exit_code(pid)
        if code == 0:
            return
        lines = [line.strip() for line in remark[-REMARK:].decode(errors="replace").splitlines()]
        printed = "; ".join(filter(None, lines))
        ended = "it was killed by a signal" if code is None else f"exit code {code}"
        raise ScheduledError(f"{ended}: {printed}" if printed else ended)

    def _end_session(self, pid: int) -> None:
        """Kill what a command that has ended left in its session."""
        signal_group(pid, signal.SIGKILL)
        gate_processes.kill_session(pid)
        self._left.discard(pid)


def _take(fd: int, found: dict[int, bytes], poll: "select.poll", *, whole: bool) -> None:
    """Add what can be read from *fd* to *found*; with *whole* all of it, up to the most that a secret may have."""
    with suppress(BlockingIOError):
        while piece := os.read(fd, PIECE):
            found[fd] += piece
            if not whole or len(found[fd]) > MOST:
                return
        with suppress(KeyError):
            poll.unregister(fd)
