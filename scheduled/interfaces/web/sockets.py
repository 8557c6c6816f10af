"""The sockets of the server, its own or passed by systemd, and the host names that it accepts."""

import os
import socket
import ssl
from collections.abc import Iterable
from typing import Any

import msgspec

from scheduled.config.web_hosts import outside
from scheduled.errors import ConfigError
from scheduled.interfaces.web.server_address import ServerAddress
from scheduled.interfaces.web.tokens import Key

FIRST_FD = 3  # SD_LISTEN_FDS_START of systemd's socket activation
LOOPBACK = frozenset(("127.0.0.1", "::1"))
ALL_ADDRESSES = frozenset(("0.0.0.0", "::"))  # noqa: S104 - `announce` prints a warning for them
BACKLOG = 128


class ListenOptions(msgspec.Struct, frozen=True, kw_only=True):
    """The address to listen on, further addresses *names* (see `outside`), and the TLS certificate and key files."""

    host: str = "127.0.0.1"
    port: int = 8000
    names: tuple[str, ...] = ()
    certfile: str | None = None
    keyfile: str | None = None


def sockets(options: ListenOptions) -> list[socket.socket]:
    """Return the sockets to listen on: those passed by systemd (LISTEN_FDS), or a new one. Raise ConfigError."""
    return _from_systemd() or [_bound(options)]


def _bound(options: ListenOptions) -> socket.socket:
    family = socket.AF_INET6 if ":" in options.host else socket.AF_INET
    found = socket.socket(family, socket.SOCK_STREAM)
    try:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.bind((options.host, options.port))
        found.listen(BACKLOG)
    except (
        OSError,
        TypeError,
        OverflowError,
    ) as error:  # TypeError: no host has such a name, OverflowError: no such port
        found.close()
        reason = error.strerror if isinstance(error, OSError) else error
        raise ConfigError(
            f"{options.host} port {options.port}: {reason}; use --host or --port for another address"
        ) from None
    return found


def _from_systemd() -> list[socket.socket]:
    """Return the sockets that systemd passed to this process. Jobs inherit neither them nor their variables."""
    for_this_process = os.environ.pop("LISTEN_PID", "") == str(os.getpid())
    count = os.environ.pop("LISTEN_FDS", "")
    os.environ.pop("LISTEN_FDNAMES", None)
    if not for_this_process or not count.isdecimal():
        return []
    found = [socket.socket(fileno=fd) for fd in range(FIRST_FD, FIRST_FD + int(count))]
    for one in found:
        one.set_inheritable(False)
        if one.family not in (socket.AF_INET, socket.AF_INET6):
            raise ConfigError("LISTEN_FDS: not a TCP socket; write for example ListenStream=127.0.0.1:8000")
    return found


def server_address(
    key: Key, options: ListenOptions, listening: Iterable[socket.socket], **more: Any
) -> ServerAddress:
    """Return the ServerAddress for the sockets *listening*; *more* are further fields of it."""
    addresses = [one.getsockname()[:2] for one in listening]
    exposed = any(address not in LOOPBACK for address, _ in addresses)
    own = {socket.gethostname(), options.host} if exposed else {options.host}
    names = {*LOOPBACK, "localhost", *own} - ALL_ADDRESSES
    return ServerAddress(
        key=key,
        port=addresses[0][1],
        names=frozenset(name.lower() for name in names),
        outside=tuple(map(outside, options.names)),
        secure=options.certfile is not None,
        exposed=exposed,
        **more,
    )


def address(server: ServerAddress, options: ListenOptions) -> str:
    """Return the URL of the server, which ends with a slash."""
    host = "127.0.0.1" if options.host in ALL_ADDRESSES else options.host
    host = f"[{host}]" if ":" in host else host
    return f"{server.scheme}://{host}:{server.port}/"


def check_certificate(options: ListenOptions) -> None:
    """Raise ConfigError if the certificate and its key cannot be loaded."""
    if options.certfile is None:
        if options.keyfile is not None:
            raise ConfigError("--keyfile: needs --certfile")
        return
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(options.certfile, options.keyfile)
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(
            f"{options.certfile}: {error.strerror or error}; give --certfile a certificate and --keyfile its key"
        ) from None
