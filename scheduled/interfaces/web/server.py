"""`scheduled web`: the server starts, says so, and ends when nobody has asked for anything for long."""

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

WARNING = """\
!!! WARNING: THIS INTERFACE IS OPEN TO THE NETWORK, AND THE LINE IS NOT ENCRYPTED !!!
!!! Whoever can listen in gets the token, and with it whatever you may do here. !!!
!!! Use --certfile and --keyfile, or listen on 127.0.0.1 and come through ssh -L. !!!"""


def announce(server_address: ServerAddress, options: ListenOptions) -> str:
    """Return what is printed when the server starts."""
    lines = [f"scheduled web: {sockets.address(server_address, options)}"]
    if server_address.exposed and not server_address.secure:
        lines = [WARNING, *lines, WARNING]
    return "\n".join(lines)


class IdleShutdown:
    """Ends the server when for *seconds* nobody has asked for anything; None: never."""

    def __init__(self, seconds: int | None, now: Callable[[], float]) -> None:
        self.seconds, self.now = seconds, now
        self.under_way, self.last = 0, now()

    def heard(self, scope: Scope, change: int) -> None:
        """Note that a request begins or ends; a page that only looks whether something changed is no person."""
        self.under_way += change
        if not str(scope["path"]).startswith("/live/jobs"):
            self.last = self.now()

    def left(self) -> float:
        """Return for how many seconds the server stays."""
        assert self.seconds is not None
        return self.seconds if self.under_way else self.last + self.seconds - self.now()

    async def watch(self, server: uvicorn.Server) -> None:
        """Sleep until it is time to go."""
        if self.seconds is None:
            return
        while (left := self.left()) > 0:  # noqa: ASYNC110 - it sleeps until it may be time, and looks once
            await asyncio.sleep(left)
        server.should_exit = True


def run(instance: Instance, options: ListenOptions, *, idle: str, renew: bool) -> None:
    """Listen until the server is idle, or is ended; raises ConfigError if it can't listen."""
    options = replace(options, names=tuple(service.interfaces(instance).web.hosts))
    sockets.check_certificate(options)
    patience = IdleShutdown(_seconds(idle), monotonic)
    _key(instance, renew=renew)
    fresh = tokens.KeyFile(instance.paths.root)
    key = fresh.key()
    found = sockets.sockets(options)
    server_address = sockets.server_address(key, options, found)
    answering = app.create(
        lambda: Instance(instance.config, instance.state),
        server_address,
        key=fresh.key,
        active=patience.heard,
    )
    print(announce(server_address, options), file=sys.stderr, flush=True)  # noqa: T201 - where it listens
    serve(answering, options, found, patience)


def url(instance: Instance, options: ListenOptions, *, renew: bool) -> str:
    """Return the address with the token, of a server that runs already or that systemd starts."""
    secure = options.certfile is not None
    return sockets.address(
        ServerAddress(key=_key(instance, renew=renew), port=options.port, secure=secure), options
    )


def _key(instance: Instance, *, renew: bool) -> tokens.Key:
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
    """Answer until somebody ends it, or nobody needs it any more."""
    settings = uvicorn.Config(
        app,
        lifespan="off",
        log_level="warning",
        access_log=False,  # it would write tokens down
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

    async def both() -> None:
        watching = asyncio.create_task(idle.watch(server))
        await server.serve(sockets=found)
        watching.cancel()

    asyncio.run(both())
