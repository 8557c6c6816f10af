"""scheduled.log: one line a fact, written and rotated by ourselves (a logging library may start watchers)."""

import errno
import os
import stat
from pathlib import Path

from scheduled.clock import local
from scheduled.core.events import Event
from scheduled.state.files import is_inside

MAX_BYTES = 1 << 20  # with the one predecessor that is kept, some 15,000 lines
LEVELS = {
    "event_refused": "WARNING",
    "job_failed": "ERROR",
    "job_interrupted": "WARNING",
    "job_retry_scheduled": "WARNING",
}


class Log:
    """Appends lines in the workspace's log format; naive stamps in *zone*."""

    def __init__(self, path: Path, zone: str) -> None:
        self.path = path
        self._zone = zone

    def write(self, instant: float, level: str, message: str) -> None:
        """Append one line; line breaks in *message* can't forge a second one."""
        stamp = f"{local(instant, self._zone):%Y-%m-%d %H:%M:%S}"
        text = message.encode("unicode_escape").decode() if not message.isprintable() else message
        self._append(f"{stamp} | scheduled | {level} | {text}\n".encode(errors="backslashreplace"))

    def _append(self, line: bytes) -> None:
        fd = self._open()
        try:
            if os.fstat(fd).st_size + len(line) > MAX_BYTES:
                os.replace(self.path, f"{self.path}.1")
                os.close(fd)
                fd = self._open()
            os.write(fd, line)  # one write: lines of two ticks don't mix
        finally:
            os.close(fd)

    def _open(self) -> int:
        # The workspace belongs to others too: a FIFO that nobody reads must not hold up a tick.
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
        fd = os.open(self.path, flags, 0o600)
        if stat.S_ISREG(os.fstat(fd).st_mode):
            return fd
        os.close(fd)
        raise OSError(errno.EINVAL, "not a regular file")


def describe(event: Event) -> str:
    """Return an event as one line of words: its name and its payload's short values."""
    words = [
        f"{key}={value}"
        for key, value in event.payload.items()
        if isinstance(value, str | int) and value != ""
    ]
    return " ".join([event.name, *words])


def log_path(root: Path, workspace: Path | None) -> Path:
    """Return where the log lies: in the workspace's own system_logs if there is one, else in the state directory."""
    if workspace is not None and (workspace / "system_logs").is_dir():
        logs = os.path.realpath(workspace / "system_logs")
        if is_inside(logs, os.path.realpath(workspace)):
            return workspace / "system_logs" / "scheduled.log"
    return root / "scheduled.log"
