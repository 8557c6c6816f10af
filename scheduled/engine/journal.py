"""Send the lines of the log to the journal of systemd as well (`[log] journald = true`), with its native protocol.

An entry is one datagram. The socket does not block: if the journal does not take an entry, it is dropped, and the file has it.
"""

import errno
import fcntl
import os
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from scheduled.core.events import Event
from scheduled.engine.log_json import encodable, fields
from scheduled.state.files import write_all

SOCKET = "/run/systemd/journal/socket"
PRIORITIES = {"ERROR": 3, "WARNING": 4, "INFO": 6}
FIELD = re.compile("[A-Z][A-Z0-9_]{0,50}")  # journald drops fields with other names
TOO_LARGE = (errno.EMSGSIZE, errno.ENOBUFS)


class Journal:
    """The journal of this host, for the instance with the state directory *root*. Raise OSError if there is none."""

    def __init__(self, root: Path) -> None:
        self._root = root
        with _connected():
            pass

    def send(self, level: str, message: str, event: Event | None) -> None:
        """Send one entry. Raise OSError, BlockingIOError for a journal that is busy, if it can't be sent now."""
        entry = b"".join(_encoded(name, value) for name, value in self._fields(level, message, event))
        with _connected() as connection:
            try:
                connection.send(entry)
            except OSError as error:
                if error.errno not in TOO_LARGE:
                    raise
                _send_in_memory(connection, entry)

    def _fields(self, level: str, message: str, event: Event | None) -> Iterator[tuple[str, str]]:
        yield "MESSAGE", message
        yield "PRIORITY", str(PRIORITIES[level])
        yield "SYSLOG_IDENTIFIER", "scheduled"
        yield "SCHEDULED_STATE", str(self._root)
        if event is not None:
            yield "SCHEDULED_EVENT", event.name
            for name, value in fields(event.payload).items():
                if value is not None and FIELD.fullmatch(name.upper()):
                    words = ",".join(value) if isinstance(value, list) else str(value)
                    yield f"SCHEDULED_{name.upper()}", words


def doubts(source: str) -> Iterator[str]:
    """Yield a warning if there is no journal; *source* names the configuration."""
    try:
        with _connected():
            return
    except OSError as error:
        yield f"{source}: log.journald: {SOCKET}: {error.strerror}; without systemd, remove the key"


@contextmanager
def _connected() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as connection:
        connection.setblocking(False)
        connection.connect(SOCKET)
        yield connection


def _send_in_memory(connection: socket.socket, entry: bytes) -> None:
    """Send an entry that is larger than a datagram: in a sealed file in memory, as the protocol defines it."""
    fd = os.memfd_create("scheduled", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        write_all(fd, entry)
        seals = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE | fcntl.F_SEAL_SEAL
        fcntl.fcntl(fd, fcntl.F_ADD_SEALS, seals)
        socket.send_fds(connection, [b""], [fd])
    finally:
        os.close(fd)


def _encoded(name: str, value: str) -> bytes:
    """Return a field: on one line, or with the length of its value if that has line breaks."""
    data = encodable(value).encode()
    if b"\n" not in data:
        return b"%s=%s\n" % (name.encode(), data)
    return b"%s\n%s%s\n" % (name.encode(), len(data).to_bytes(8, "little"), data)
