"""`scheduled web`: start the server, print its address, and exit when it is idle."""

import asyncio
import socket
import sys
from collections.abc import Callable
from time import monotonic

import uvicorn
from msgspec.structs import replace
from starlette.types import ASGIApp, Scope

from scheduled import service
from scheduled.errors import ConfigError
from scheduled.instance import Instance
from scheduled.interfaces.web import app, sockets, tokens
from scheduled.interfaces.web.security import ServerAddress
from scheduled.interfaces.web.sockets import ListenOptions
from scheduled.schedules.durations import parse_interval
from scheduled.schedules.schedule import ScheduleError
from scheduled.state import directories
from scheduled.state.open import refuse_foreign

WARNING = """\
!!! WARNING: THE SERVER IS OPEN TO THE NETWORK, AND CONNECTIONS ARE NOT ENCRYPTED !!!
!!! An eavesdropper can read the token, and then do everything that you may do.   !!!
!!! Use --certfile and --keyfile, or --host 127.0.0.1 and an ssh -L tunnel.       !!!"""


def announce(server_address: ServerAddress, options: ListenOptions) -> str:
    """Return the lines to print when the server starts: its address, and a warning if it is exposed without TLS."""
    lines = [f"scheduled web: {sockets.address(server_address, options)}"]
    if server_address.exposed and not server_address.secure:
        lines = [WARNING, *lines, WARNING]
    return "\n".join(lines)


class IdleShutdown:
    """Stops the server after *seconds* without a request; never if *seconds* is None. *now* is a monotonic clock."""

    def __init__(self, seconds: int | None, now: Callable[[], float]) -> None:
        self.seconds, self.now = seconds, now
        self.under_way, self.last = 0, now()

    def count_request(self, scope: Scope, change: int) -> None:
        """Record that a request starts (*change* +1) or ends (-1).

        The polling of an open page does not restart the idle time, except for a growing output: nothing shows that the
        page is being read.
        """
        self.under_way += change
        if not str(scope["path"]).startswith(("/live/jobs", "/live/run/")):
            self.last = self.now()

    def seconds_left(self) -> float:
        """Return in how many seconds the server is idle, if no request arrives until then."""
        assert self.seconds is not None
        return self.seconds if self.under_way else self.last + self.seconds - self.now()

    async def watch(self, server: uvicorn.Server) -> None:
        """Sleep until the server is idle, then have it exit."""
        if self.seconds is None:
            return
        while (seconds := self.seconds_left()) > 0:  # noqa: ASYNC110 - sleeps for the full time left, no polling
            await asyncio.sleep(seconds)
        server.should_exit = True


def run(instance: Instance, options: ListenOptions, *, idle: str, renew: bool) -> None:
    """Serve until the server is idle or is stopped. *renew* writes a new token first.

    Raise ConfigError if the options are not valid, or if the address cannot be used.
    """
    options = replace(options, names=_names(instance))
    sockets.check_certificate(options)
    shutdown = IdleShutdown(_seconds(idle), monotonic)
    _key(instance, renew=renew)
    key_file = tokens.KeyFile(instance.paths.root)
    key = key_file.key()
    found = sockets.sockets(options)
    server_address = sockets.server_address(key, options, found)
    application = app.create(
        lambda: Instance(instance.config, instance.state),
        server_address,
        key=key_file.key,
        active=shutdown.count_request,
    )
    print(announce(server_address, options), file=sys.stderr, flush=True)  # noqa: T201 - the address
    serve(application, options, found, shutdown)


def _names(instance: Instance) -> tuple[str, ...]:
    """Return the names in `[web] hosts`; none, with a message on stderr, if the configuration cannot be read."""
    try:
        return tuple(service.interfaces(instance).web.hosts)
    except ConfigError as error:
        print(f"scheduled web: {error}; the pages show what the ledger knows", file=sys.stderr, flush=True)  # noqa: T201
        return ()


def url(instance: Instance, options: ListenOptions, *, renew: bool) -> str:
    """Return the URL with the token, for a server that already runs or that systemd starts on demand."""
    secure = options.certfile is not None
    return sockets.address(
        ServerAddress(key=_key(instance, renew=renew), port=options.port, secure=secure), options
    )


def _key(instance: Instance, *, renew: bool) -> tokens.Key:
    refuse_foreign(instance.paths)
    directories.prepare(instance.paths)
    return tokens.renew(instance.paths.root) if renew else tokens.key(instance.paths.root)


def _seconds(idle: str) -> int | None:
    if idle == "0":
        return None
    try:
        return parse_interval(idle)
    except ScheduleError as error:
        raise ConfigError(f"--idle: {error}") from None


def serve(app: ASGIApp, options: ListenOptions, found: list[socket.socket], idle: IdleShutdown) -> None:
    """Serve requests until the process is stopped or *idle* stops the server."""
    settings = uvicorn.Config(
        app,
        lifespan="off",
        log_level="warning",
        access_log=False,  # it would record tokens in URLs
        server_header=False,
        date_header=True,
        proxy_headers=False,
        ws="none",
        limit_concurrency=100,
        timeout_keep_alive=5,
        timeout_graceful_shutdown=5,
        ssl_certfile=options.certfile,
        ssl_keyfile=options.keyfile,
    )
    server = uvicorn.Server(settings)

    async def serve_until_idle() -> None:
        watching = asyncio.create_task(idle.watch(server))
        await server.serve(sockets=found)
        watching.cancel()

    asyncio.run(serve_until_idle())
