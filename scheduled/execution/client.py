"""The tick's side of its supervisor: fork it, send it orders and read its records."""

import itertools
import os
import select
import signal
import sys
from collections import deque
from pathlib import Path

from scheduled.errors import StateError
from scheduled.execution.protocol import Record, Spec, Stop, encode_order, read_records
from scheduled.execution.result_file import CANNOT_WRITE

MAX_FDS = 1 << 16


class SupervisorClient:
    """A running supervisor, which appends its records to the result file at *path*.

    *results* is the locked descriptor of that file; it is closed here, so that only the supervisor holds the
    lock. After *start_within* seconds only urgent runs are started. Raise StateError if the supervisor can't
    be forked; the lock is released then as well.
    """

    def __init__(
        self, path: Path, results: int, max_parallel: int, start_within: float | None = None
    ) -> None:
        self._path = path
        self._offset = 0
        self._unsent, self._sending = deque[bytes](), False
        child_fds, parent_fds = [results], []
        try:
            orders, self._orders = os.pipe()
            child_fds.append(orders)
            parent_fds.append(self._orders)
            self._notifications, notify = os.pipe()
            child_fds.append(notify)
            parent_fds.append(self._notifications)
            os.set_blocking(notify, False)
            self.pid = os.fork()
            if self.pid == 0:
                _be_supervisor(orders, notify, results, max_parallel, start_within)
        except OSError as error:
            for fd in parent_fds:
                os.close(fd)
            raise StateError(f"no job can be started: no supervisor process: {error.strerror}") from error
        finally:
            for fd in child_fds:
                os.close(fd)

    def submit(self, spec: Spec) -> None:
        """Order the supervisor to execute *spec*. If it has died, do nothing."""
        self._order(spec)

    def stop(self) -> None:
        """Order the supervisor to end all attempts and to start no more. Their records follow."""
        self._order(Stop())

    def _order(self, order: Spec | Stop) -> None:
        self._unsent.append(encode_order(order))
        # A signal handler may call `stop` in the middle of another order: it is sent after that one.
        while self._unsent and not self._sending:
            self._sending = True
            try:
                self._send(self._unsent.popleft())
            finally:
                self._sending = False

    def _send(self, data: bytes) -> None:
        try:
            while data:
                data = data[os.write(self._orders, data) :]
        except BrokenPipeError:
            return  # it has died; the result file and the locks of the runs show what has ended

    def records(self, timeout: float | None, other: int | None = None) -> list[Record] | None:
        """Return the new records since the last call, waiting for up to *timeout* seconds (None: no limit).

        Do not wait longer if the descriptor *other* is readable. Return None if no more will come. Raise StateError if
        the result file can't be written or read now.
        """
        poll = select.poll()
        poll.register(self._notifications, select.POLLIN)
        if other is not None:
            poll.register(other, select.POLLIN)
        ready = poll.poll(None if timeout is None else timeout * 1000)
        if self._notifications not in (fd for fd, _ in ready):
            return []
        notifications = os.read(self._notifications, 65536)
        if CANNOT_WRITE in notifications:
            raise StateError(
                f"{self._path}: can't be written; the supervisor retries, the next tick records the results"
            )
        return self._read() or (None if not notifications else [])

    def _read(self) -> list[Record]:
        try:
            with self._path.open("rb") as file:
                file.seek(self._offset)
                data = file.read()
        except OSError as error:
            raise StateError(f"{self._path}: {error.strerror}; the next tick records the results") from error
        whole = data[: data.rfind(b"\n") + 1]
        self._offset += len(whole)
        return read_records(whole)

    def close(self) -> None:
        """Close the pipes. The supervisor finishes the attempts that it has started, then exits."""
        os.close(self._orders)
        os.close(self._notifications)


def _be_supervisor(
    orders: int, notify: int, results: int, max_parallel: int, start_within: float | None
) -> None:
    """Run the supervisor in the forked child, in a session of its own; never return.

    Neither a closed terminal nor the death of the tick ends it.
    """
    code = 1
    try:
        os.setsid()
        # Imported here, while the tick plans. It must happen before stderr is closed: the import fails if the
        # program is being upgraded at this moment, and the traceback has to reach the user.
        from scheduled.execution.supervisor import Supervisor

        _close_all_except({orders, notify, results})
        signal.signal(signal.SIGPIPE, signal.SIG_IGN)
        Supervisor(orders, notify, results, max_parallel, start_within).serve()
        code = 0
    except BaseException:  # noqa: BLE001 - the child must not return into the code of the tick
        import traceback

        traceback.print_exc()
    finally:
        os._exit(code)


def _close_all_except(keep: set[int]) -> None:
    """Close all inherited descriptors except *keep*, and redirect the standard streams to /dev/null.

    cron waits until the last process that holds its pipe has closed it.
    """
    sys.stdout.flush()
    null = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(null, stream)
    bounds = [2, *sorted(keep), MAX_FDS]
    for low, high in itertools.pairwise(bounds):
        os.closerange(low + 1, high)
