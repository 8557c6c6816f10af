"""The forked child that does the work of handlers: one that hangs, leaks or crashes takes nothing else with it.

Built-in handlers on the same terms are served by one child in turn: what the first has found in the workspace the
next one knows. What another distribution's handler leaves behind concerns nobody: its child serves it alone.
"""

import os
import signal
import socket
import sys
from collections.abc import Callable
from typing import Any, NoReturn

from scheduled.core.jobs import Limits
from scheduled.execution.process import restrictions
from scheduled.execution.protocol import Spec, decode_order, encode_order
from scheduled.handlers.registry import BUILT_IN

PIECE = 1 << 20
PATIENCE = 5.0  # seconds that a child may take to receive what it is to do


class HandlerHost:
    """A child that does *body* with one specification after another; *pid* leads its process group.

    *lasts* tells whether it may serve one more after this, *silent* that no answer can come any more, *reaped*
    that its end was seen. Raises OSError if it can't be forked.
    """

    def __init__(self, spec: Spec, body: Callable[[Spec], int]) -> None:
        self._terms = _terms(spec)
        self._busy = self.silent = self.reaped = False
        self.lasts = self._terms is not None
        self._channel, theirs = socket.socketpair()
        try:
            self.pid = os.fork()
            if self.pid == 0:
                _live(theirs, body)
        except OSError:
            self._channel.close()
            raise
        finally:
            theirs.close()

    def fileno(self) -> int:
        """Return what becomes readable with an answer."""
        return self._channel.fileno()

    def suits(self, spec: Spec) -> bool:
        """Tell whether it may do *spec* now."""
        return self.lasts and not self._busy and self._terms == _terms(spec)

    def give(self, spec: Spec, output: int) -> None:
        """Have it do *spec*, its output and the run's lock in *output*; raises OSError if it is gone, or has stopped."""
        order = encode_order(spec)
        self._channel.settimeout(PATIENCE)
        sent = socket.send_fds(self._channel, [order], [output])
        self._channel.sendall(order[sent:])
        self._channel.settimeout(None)
        self._busy = True

    def answer(self) -> int | None:
        """Return the exit code of what it was given, None as long as there is none."""
        try:
            line = self._channel.recv(64, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return None
        except ConnectionResetError:
            line = b""
        if not line:
            self.silent = True  # it ends, or has let go of what it had open
            return None
        self._busy = False
        self.lasts = self.lasts and int(line) == 0  # who failed may have left anything behind
        return int(line)

    def dismiss(self) -> None:
        """Let it go: what it does it brings to an end, but gets nothing more to do."""
        self._channel.close()


def _terms(spec: Spec) -> tuple[Any, ...] | None:
    """Return what a child can't take back once it has it; None if it is to serve nobody else."""
    built_in = spec.task is not None and spec.task["handler"] in BUILT_IN
    return (spec.umask, spec.nice) if built_in and spec.limits == Limits() else None


def _live(channel: socket.socket, body: Callable[[Spec], int]) -> NoReturn:
    """Be the child, which must not come back: it would go on as a second supervisor."""
    code = 1
    try:
        _detach(channel.fileno())
        while (order := _next(channel)) is not None:
            code = _do(*order, body)
            # Where that can't be sent, this process's own end says it.
            channel.send(b"%d\n" % code, socket.MSG_NOSIGNAL)
            if code:
                break
            code = 1  # whatever goes wrong from here on is no success
    except OSError:
        pass
    finally:
        os._exit(code)


def _detach(channel: int) -> None:
    """Turn a fork of the supervisor into a process of its own, with nothing open but the *channel*."""
    os.setsid()
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGPIPE, signal.SIGCHLD):
        signal.signal(number, signal.SIG_DFL)
    os.closerange(3, channel)
    os.closerange(channel + 1, 1 << 16)


def _next(channel: socket.socket) -> tuple[Spec, int] | None:
    """Return the next specification with its output; None if no more come."""
    order, outputs, *_ = socket.recv_fds(channel, PIECE, 1)
    while order and not order.endswith(b"\n"):
        order += channel.recv(PIECE) or b"\n"
    spec = decode_order(order) if order else None
    return (spec, outputs[0]) if isinstance(spec, Spec) else None


def _do(spec: Spec, output: int, body: Callable[[Spec], int]) -> int:
    try:
        _take_on(spec, output)
        return body(spec)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        print(f"cannot start: {where}{error.strerror}", file=sys.stderr)  # noqa: T201 - the run's output
        return 126
    except BaseException:  # noqa: BLE001 - a fault of ours or of a plug-in's, for `logs`
        import traceback

        traceback.print_exc()
        return 1
    finally:
        _let_go(output)


def _take_on(spec: Spec, output: int) -> None:
    """Make the run's streams, directory, environment, rights and limits those of this process."""
    # The output first: what can't be done after that is said there.
    for stream in (0, 1, 2):
        os.dup2(output, stream)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    # It holds the lock even where the handler's own children let go of their streams.
    os.set_inheritable(output, True)
    sys.stdout = open(1, "w", buffering=1, encoding="utf-8", errors="backslashreplace", closefd=False)  # noqa: SIM115 - lives as long as the run
    sys.stderr = open(2, "w", buffering=1, encoding="utf-8", errors="backslashreplace", closefd=False)  # noqa: SIM115
    os.chdir(spec.cwd)
    os.environ.clear()
    os.environ.update(spec.env)
    if spec.umask is not None:
        os.umask(spec.umask)
    restrict = restrictions(spec)
    if restrict is not None:
        restrict()


def _let_go(output: int) -> None:
    """Bring out what was printed, and give back the lock."""
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    null = os.open(os.devnull, os.O_RDWR)
    for stream_number in (0, 1, 2):
        os.dup2(null, stream_number)
    os.close(null)
    os.close(output)
