"""Write and rotate `scheduled.log`, one line per fact.

No logging library is used: such a library may start threads of its own.
"""

import errno
import os
import stat
from pathlib import Path

from scheduled.clock import local
from scheduled.core.events import Event
from scheduled.printable import printable
from scheduled.state.files import is_inside

MAX_BYTES = 1 << 20  # with the one rotated file that is kept, about 15,000 lines
MAX_NAMES = 20  # of a list in a line
LEVELS = {
    "event_refused": "WARNING",
    "job_failed": "ERROR",
    "job_interrupted": "WARNING",
    "job_retry_scheduled": "WARNING",
}


class Log:
    """The log file at *path*. Its time stamps are local time in *zone*, without an offset."""

    def __init__(self, path: Path, zone: str) -> None:
        self.path = path
        self._zone = zone

    def write(self, instant: float, level: str, message: str) -> None:
        """Append one line at *instant* (UTC seconds). Line breaks in *message* are escaped."""
        stamp = f"{local(instant, self._zone):%Y-%m-%d %H:%M:%S}"
        self._append(
            f"{stamp} | scheduled | {level} | {printable(message)}\n".encode(errors="backslashreplace")
        )

    def _append(self, line: bytes) -> None:
        fd = self._open()
        try:
            if os.fstat(fd).st_size + len(line) > MAX_BYTES:
                os.replace(self.path, f"{self.path}.1")
                os.close(fd)
                fd = self._open()
            os.write(fd, line)  # one O_APPEND write, so that lines of two ticks don't mix
        finally:
            os.close(fd)

    def _open(self) -> int:
        # Other programs write to the workspace too. O_NONBLOCK: a FIFO without a reader must not block the
        # tick.
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
        fd = os.open(self.path, flags, 0o600)
        if stat.S_ISREG(os.fstat(fd).st_mode):
            return fd
        os.close(fd)
        raise OSError(errno.EINVAL, "not a regular file")


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
