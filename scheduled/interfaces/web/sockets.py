"""Where the server listens: a socket of its own, or one that systemd hands over; and what it answers to there."""

import os
import socket
import ssl
from collections.abc import Iterable
from typing import Any

import msgspec

from scheduled.errors import ConfigError
from scheduled.interfaces.web.security import ServerAddress
from scheduled.interfaces.web.tokens import Key

FIRST_FD = 3  # where systemd's protocol has what it hands over
LOOPBACK = frozenset(("127.0.0.1", "::1"))
EVERYWHERE = frozenset(("0.0.0.0", "::"))  # noqa: S104 - what they mean is said, loudly, in `announce`
BACKLOG = 128


class ListenOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Where to listen, under which further *names*, with which certificate."""

    host: str = "127.0.0.1"
    port: int = 8000
    names: tuple[str, ...] = ()
    certfile: str | None = None
    keyfile: str | None = None


def sockets(options: ListenOptions) -> list[socket.socket]:
    """Return the sockets to listen on: systemd's (LISTEN_FDS), else one of our own; raises ConfigError."""
    return _handed_over() or [_own(options)]


def _own(options: ListenOptions) -> socket.socket:
    family = socket.AF_INET6 if ":" in options.host else socket.AF_INET
    found = socket.socket(family, socket.SOCK_STREAM)
    try:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.bind((options.host, options.port))
        found.listen(BACKLOG)
    except OSError as error:
        found.close()
        said = f"{options.host} port {options.port}: {error.strerror}"
        raise ConfigError(f"{said}; --host and --port choose another") from None
    return found


def _handed_over() -> list[socket.socket]:
    """Take what systemd opened for us, and keep it from the programs that we start."""
    mine = os.environ.pop("LISTEN_PID", "") == str(os.getpid())
    count = os.environ.pop("LISTEN_FDS", "")
    os.environ.pop("LISTEN_FDNAMES", None)
    if not mine or not count.isdecimal():
        return []
    found = [socket.socket(fileno=fd) for fd in range(FIRST_FD, FIRST_FD + int(count))]
    for one in found:
        one.set_inheritable(False)
        if one.family not in (socket.AF_INET, socket.AF_INET6):
            raise ConfigError("LISTEN_FDS: only TCP sockets can be served (ListenStream=127.0.0.1:8000)")
    return found


def server_address(
    key: Key, options: ListenOptions, listening: Iterable[socket.socket], **more: Any
) -> ServerAddress:
    """Return where the server is, as its sockets tell."""
    addresses = [one.getsockname()[:2] for one in listening]
    exposed = any(address not in LOOPBACK for address, _ in addresses)
    own = {socket.gethostname(), options.host} if exposed else {options.host}
    names = {*LOOPBACK, "localhost", *own, *options.names} - EVERYWHERE
    return ServerAddress(
        key=key,
        port=addresses[0][1],
        names=frozenset(name.lower() for name in names),
        secure=options.certfile is not None,
        exposed=exposed,
        **more,
    )


def address(server: ServerAddress, options: ListenOptions) -> str:
    """Return the address to type, or to click on: it carries the token, once."""
    host = "127.0.0.1" if options.host in EVERYWHERE else options.host
    host = f"[{host}]" if ":" in host else host
    return f"{server.scheme}://{host}:{server.port}/?token={server.key.token}"


def check_certificate(options: ListenOptions) -> None:
    """Raise ConfigError if the certificate and its key can't be used."""
    if options.certfile is None:
        if options.keyfile is not None:
            raise ConfigError("--keyfile: needs --certfile")
        return
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(options.certfile, options.keyfile)
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(
            f"{options.certfile}: {error.strerror or error}; it needs a certificate and its key"
        ) from None
