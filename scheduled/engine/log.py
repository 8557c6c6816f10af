"""Write and rotate `scheduled.log`, one line per fact.

No logging library is used: such a library may start threads of its own.
"""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from scheduled.clock import local
from scheduled.core.events import Event
from scheduled.printable import printable
from scheduled.state.beneath import Place, holding
from scheduled.state.links import RefusedError, is_inside

MAX_BYTES = 1 << 20  # with the one rotated file that is kept, about 15,000 lines
MAX_NAMES = 20  # of a list in a line
NO_FILE = {  # what a planted name is that can't be opened
    errno.ENXIO: "is a FIFO or a socket, so nothing is written to it",
    errno.ELOOP: "is a symbolic link, so nothing is written to it",
    errno.EISDIR: "is a directory",
}
LEVELS = {
    "event_refused": "WARNING",
    "job_failed": "ERROR",
    "job_interrupted": "WARNING",
    "job_retry_scheduled": "WARNING",
}


class Log:
    """The log file at *path*. Its time stamps are local time in *zone*, without an offset; with *as_json*, with it.

    *inside* is the directory that the log must not leave, a resolved path; None: where it is cannot be changed by others.
    """

    def __init__(self, path: Path, zone: str, inside: str | None = None, *, as_json: bool = False) -> None:
        self.path, self._as_json = path, as_json
        self._zone, self._inside = zone, inside
        self._gathered: list[bytes] | None = None  # the lines of `together`, outside of it None

    @classmethod
    def of(cls, root: Path, workspace: Path | None, zone: str, *, as_json: bool = False) -> "Log":
        """Return the log of the state directory *root* and its workspace; see `log_path`."""
        path = log_path(root, workspace)
        shared = workspace is not None and path.parent != root
        return cls(path, zone, os.path.realpath(workspace) if shared and workspace else None, as_json=as_json)

    def write(self, instant: float, level: str, message: str, event: Event | None = None) -> None:
        """Append one line at *instant* (UTC seconds). Line breaks in *message*, which may describe *event*, are escaped.

        Raise OSError if it cannot be written, RefusedError if the file is not a log of the current user's own.
        """
        line = self._line(instant, level, message, event)
        if self._gathered is not None:
            self._gathered.append(line)
        else:
            self._append(line)

    def _line(self, instant: float, level: str, message: str, event: Event | None) -> bytes:
        if self._as_json:
            from scheduled.engine import log_json  # most logs have the other form

            return log_json.line(instant, self._zone, level, message, event)
        stamp = f"{local(instant, self._zone):%Y-%m-%d %H:%M:%S}"
        return f"{stamp} | scheduled | {level} | {printable(message)}\n".encode(errors="backslashreplace")

    @contextmanager
    def together(self) -> Iterator[None]:
        """Write the lines of the block in one piece at its end, and raise then what `write` raises. It does not nest."""
        self._gathered = []
        try:
            yield
        finally:
            lines, self._gathered = b"".join(self._gathered), None
            if lines:
                self._append(lines)

    def _append(self, lines: bytes) -> None:
        with holding(self.path.parent, self._inside) as directory:
            place = Place(directory, self.path.name, str(self.path))
            fd = _open(place)
            try:
                if os.fstat(fd).st_size + len(lines) > MAX_BYTES:
                    place.beside(f"{place.name}.1").take(place.name)
                    os.close(fd)
                    fd = _open(place)
                os.write(fd, lines)  # one O_APPEND write, so that lines of two ticks don't mix
            finally:
                os.close(fd)


def _open(place: Place) -> int:
    # Other programs write to the workspace too. O_NONBLOCK: a FIFO without a reader must not block the tick.
    try:
        fd = place.open(os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NONBLOCK, 0o600)
    except OSError as error:
        if error.errno in NO_FILE:
            raise RefusedError(f"{place.path}: {NO_FILE[error.errno]}; move it away") from None
        raise
    if reason := _refusal(os.fstat(fd)):
        os.close(fd)
        raise RefusedError(f"{place.path}: {reason}")
    return fd


def _refusal(found: os.stat_result) -> str:
    """Return why a file is not appended to; "" if it may be. The owner of another name of it would get the lines."""
    if not stat.S_ISREG(found.st_mode):
        return "is not a regular file; move it away"
    if found.st_nlink > 1:
        return "is a hard link: the file has another name, so nothing is written to it; move it away"
    if found.st_uid != os.geteuid():
        return f"belongs to user {found.st_uid}, so nothing is written to it; move it away"
    return ""


def describe(event: Event) -> str:
    """Return an event as one line: its name, then key=value for texts, integers and lists of names in its payload."""
    words = [f"{key}={text}" for key, value in event.payload.items() if (text := _text(value))]
    return " ".join([event.name, *words])


def _text(value: object) -> str:
    if isinstance(value, list):
        names = [name for name in value if isinstance(name, str)]
        more = len(names) - MAX_NAMES
        return ",".join([*names[:MAX_NAMES], *([f"{more}_more"] if more > 0 else [])])
    return str(value) if isinstance(value, str | int) else ""


def log_path(root: Path, workspace: Path | None) -> Path:
    """Return the path of the log: in the workspace's `system_logs/` if it exists, or in the state directory.

    A `system_logs` that is a symbolic link out of the workspace is not used.
    """
    if workspace is not None and (workspace / "system_logs").is_dir():
        logs = os.path.realpath(workspace / "system_logs")
        if is_inside(logs, os.path.realpath(workspace)):
            return workspace / "system_logs" / "scheduled.log"
    return root / "scheduled.log"
