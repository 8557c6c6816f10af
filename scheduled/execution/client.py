"""The runner's end of its supervisor: fork it, hand it work, read what became of it."""

import itertools
import os
import select
import signal
import sys
from pathlib import Path

from scheduled.errors import StateError
from scheduled.execution.protocol import Record, Spec, Stop, encode_order, read_records
from scheduled.execution.result_file import CANNOT_WRITE


class SupervisorClient:
    """A running supervisor. Its records come from the outcome file at *path*, whose lock it takes over.

    After *start_within* seconds it starts only what is urgent. Raises StateError if there can't be one; the lock
    is given up all the same.
    """

    def __init__(
        self, path: Path, results: int, max_parallel: int, start_within: float | None = None
    ) -> None:
        self._path = path
        self._offset = 0
        theirs, ours = [results], []
        try:
            orders, self._orders = os.pipe()
            theirs.append(orders)
            ours.append(self._orders)
            self._pokes, pokes = os.pipe()
            theirs.append(pokes)
            ours.append(self._pokes)
            os.set_blocking(pokes, False)
            self.pid = os.fork()
            if self.pid == 0:
                _be_supervisor(orders, pokes, results, max_parallel, start_within)
        except OSError as error:
            for fd in ours:
                os.close(fd)
            raise StateError(f"no job can be started now: {error.strerror}") from error
        finally:
            for fd in theirs:
                os.close(fd)

    def submit(self, spec: Spec) -> None:
        """Have *spec* executed."""
        self._order(spec)

    def stop(self) -> None:
        """End what runs, start no more; the records say what became of it."""
        self._order(Stop())

    def _order(self, order: Spec | Stop) -> None:
        data = encode_order(order)
        try:
            while data:
                data = data[os.write(self._orders, data) :]
        except BrokenPipeError:
            return  # it died; the outcome file and the locks say what there is to say

    def records(self, timeout: float | None) -> list[Record] | None:
        """Return the records that came since the last call, after waiting at most *timeout* seconds for one.

        None means that none will come any more. Raises StateError if outcomes can't be written or read at present.
        """
        poll = select.poll()
        poll.register(self._pokes, select.POLLIN)
        if not poll.poll(None if timeout is None else timeout * 1000):
            return []
        pokes = os.read(self._pokes, 65536)
        if CANNOT_WRITE in pokes:
            raise StateError(
                f"{self._path}: outcomes can't be written; the next tick takes them in once they can be"
            )
        return self._read() or (None if not pokes else [])

    def _read(self) -> list[Record]:
        try:
            with self._path.open("rb") as file:
                file.seek(self._offset)
                data = file.read()
        except OSError as error:
            raise StateError(
                f"{self._path}: {error.strerror}; the next tick takes the outcomes in"
            ) from error
        whole = data[: data.rfind(b"\n") + 1]
        self._offset += len(whole)
        return read_records(whole)

    def close(self) -> None:
        """Say that no more work comes; what runs goes on without us."""
        os.close(self._orders)
        os.close(self._pokes)


def _be_supervisor(
    orders: int, pokes: int, results: int, max_parallel: int, start_within: float | None
) -> None:
    """Become a process that neither a closed terminal nor the runner's death concerns; never return."""
    code = 1
    try:
        os.setsid()
        # While the runner plans; and as long as it can be said, if the program is half replaced just now.
        from scheduled.execution.supervisor import Supervisor

        _let_go_of_everything_but({orders, pokes, results})
        signal.signal(signal.SIGPIPE, signal.SIG_IGN)
        Supervisor(orders, pokes, results, max_parallel, start_within).serve()
        code = 0
    except BaseException:  # noqa: BLE001 - it must end here, in the child
        import traceback

        traceback.print_exc()
    finally:
        os._exit(code)


def _let_go_of_everything_but(keep: set[int]) -> None:
    """Close what was inherited, standard streams included: cron waits for the end of its pipe."""
    sys.stdout.flush()
    null = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(null, stream)
    bounds = [2, *sorted(keep), 1 << 16]
    for low, high in itertools.pairwise(bounds):
        os.closerange(low + 1, high)
