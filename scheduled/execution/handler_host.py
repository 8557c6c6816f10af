"""A forked process that runs handlers: one that hangs, leaks or crashes does no harm to other jobs.

Built-in handlers with the same settings run one after the other in the same process, and share data that they
have read from the workspace. A handler of another distribution may leave anything behind: its process runs
only one task.
"""

import gc
import os
import socket
import sys
from collections.abc import Callable
from typing import Any, NoReturn

from scheduled.core.jobs import Limits
from scheduled.execution.process import detach, restrictions
from scheduled.execution.protocol import Spec, decode_order, encode_order
from scheduled.handlers.registry import BUILT_IN

CHUNK = 1 << 20  # bytes
SEND_TIMEOUT = 5.0  # seconds within which the process must have received an order


class HandlerHost:
    """A forked process that calls *body* with one specification after another; *pid* leads its process group.

    *reusable* is whether it may run another task. *disconnected* is True once no more exit codes can arrive,
    *reaped* once the process was waited for. Raise OSError if the process can't be forked.
    """

    def __init__(self, spec: Spec, body: Callable[[Spec], int]) -> None:
        self._settings = _settings(spec)
        self._busy = self.disconnected = self.reaped = False
        self.reusable = self._settings is not None
        self._channel, child_end = socket.socketpair()
        try:
            self.pid = os.fork()
            if self.pid == 0:
                _run_child(child_end, body)
        except OSError:
            self._channel.close()
            raise
        finally:
            child_end.close()

    def fileno(self) -> int:
        """Return the descriptor that is readable when an exit code has arrived."""
        return self._channel.fileno()

    def suits(self, spec: Spec) -> bool:
        """Return whether this process is idle and may run *spec*."""
        return self.reusable and not self._busy and self._settings == _settings(spec)

    def send(self, spec: Spec, output: int) -> None:
        """Start *spec*, with *output* as its output, which holds the run's lock.

        Raise OSError if the process has ended or is stopped.
        """
        order = encode_order(spec)
        self._channel.settimeout(SEND_TIMEOUT)
        sent = socket.send_fds(self._channel, [order], [output])
        self._channel.sendall(order[sent:])
        self._channel.settimeout(None)
        self._busy = True

    def exit_code(self) -> int | None:
        """Return the exit code of the current task, or None if it has not ended."""
        try:
            line = self._channel.recv(64, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return None
        except ConnectionResetError:
            line = b""
        if not line:
            self.disconnected = True  # the process has exited, or has closed its descriptors
            return None
        self._busy = False
        self.reusable = self.reusable and int(line) == 0  # a failed handler may have left anything behind
        return int(line)

    def dismiss(self) -> None:
        """Close the channel: the process exits after its current task."""
        self._channel.close()


def _settings(spec: Spec) -> tuple[Any, ...] | None:
    """Return the settings that a process can't change back; None if it must not be used for another task."""
    return (spec.umask, spec.nice) if _is_built_in(spec) and spec.limits == Limits() else None


def _is_built_in(spec: Spec) -> bool:
    return spec.task is not None and spec.task["handler"] in BUILT_IN


def _run_child(channel: socket.socket, body: Callable[[Spec], int]) -> NoReturn:
    """Execute tasks in the forked child, then exit; returning would make it a second supervisor."""
    code = 1
    try:
        detach(channel.fileno())
        while (order := _next(channel)) is not None:
            code = _execute(*order, body)
            # If the send fails, the supervisor gets the same code as the exit code of this process.
            channel.send(b"%d\n" % code, socket.MSG_NOSIGNAL)
            if code:
                break
            code = 1  # an error before the next task has ended is a failure
    except OSError:
        pass
    finally:
        os._exit(code)


def _next(channel: socket.socket) -> tuple[Spec, int] | None:
    """Return the next specification and its output; None if the supervisor has closed the channel."""
    order, outputs, *_ = socket.recv_fds(channel, CHUNK, 1)
    while order and not order.endswith(b"\n"):
        order += channel.recv(CHUNK) or b"\n"
    spec = decode_order(order) if order else None
    return (spec, outputs[0]) if isinstance(spec, Spec) else None


def _execute(spec: Spec, output: int, body: Callable[[Spec], int]) -> int:
    try:
        _set_up(spec, output)
        if _is_built_in(spec):
            gc.disable()  # its data has no cycles, and collections would take a tenth of the time
        return body(spec)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        print(f"cannot start: {where}{error.strerror}", file=sys.stderr)  # noqa: T201 - the run's output
        return 126
    except BaseException:  # noqa: BLE001 - the traceback goes to the output of the run, for `scheduled logs`
        import traceback

        traceback.print_exc()
        return 1
    finally:
        _release(output)


def _set_up(spec: Spec, output: int) -> None:
    """Give the current process the streams, directory, environment, umask and limits of the run."""
    # The output comes first, so that errors in the following steps are written to it.
    for stream in (0, 1, 2):
        os.dup2(output, stream)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    # A child of the handler then holds the run's lock even if it closes its standard streams.
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


def _release(output: int) -> None:
    """Flush the output and release the run's lock."""
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    null = os.open(os.devnull, os.O_RDWR)
    for stream_number in (0, 1, 2):
        os.dup2(null, stream_number)
    os.close(null)
    os.close(output)
