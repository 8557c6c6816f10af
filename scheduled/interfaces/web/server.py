"""`scheduled web`: start the server, print its address, and exit when it is idle."""

import asyncio
import shlex
import signal
import socket
import sys
from collections.abc import Callable
from time import monotonic

import uvicorn
from msgspec.structs import replace
from starlette.types import ASGIApp, Scope

from scheduled import service
from scheduled.advice import complete
from scheduled.config.lines import located
from scheduled.config.web_hosts import problems
from scheduled.errors import ConfigError
from scheduled.instance import Instance
from scheduled.interfaces.web import app, sign_in, sockets, tokens
from scheduled.interfaces.web.connections import Loop, Places, protocol
from scheduled.interfaces.web.server_address import ServerAddress
from scheduled.interfaces.web.sockets import ListenOptions
from scheduled.schedules.durations import parse_interval
from scheduled.schedules.schedule import ScheduleError
from scheduled.state import directories
from scheduled.state.open import refuse_foreign

MOST_AT_ONCE = 100  # requests that are being answered; only who is signed in makes long ones
WARNING = """\
!!! WARNING: THE SERVER IS OPEN TO THE NETWORK, AND CONNECTIONS ARE NOT ENCRYPTED !!!
!!! An eavesdropper can read the token, and then do everything that you may do.   !!!
!!! Use --certfile and --keyfile, or --host 127.0.0.1 and an ssh -L tunnel.       !!!"""


def announce(server_address: ServerAddress, options: ListenOptions, code: str | None) -> str:
    """Return the lines to print when the server starts: its address, and a warning if it is exposed without TLS.

    Without a one-time *code*, the command that prints one is added: others can read what is printed here.
    """
    address = sockets.address(server_address, options)
    hint = complete(f"(`{_command(server_address, options)}` prints the address that signs you in)")
    lines = [f"scheduled web: {address} {hint}" if code is None else f"scheduled web: {address}?token={code}"]
    if server_address.exposed and not server_address.secure:
        lines = [WARNING, *lines, WARNING]
    return "\n".join(lines)


def _command(server_address: ServerAddress, options: ListenOptions) -> str:
    """Return the command that prints the address of this server with a new one-time code."""
    default = ListenOptions()
    given = {
        "--host": (options.host, default.host),
        "--port": (server_address.port, default.port),
        "--certfile": (options.certfile, default.certfile),
    }
    words = [word for name, (value, usual) in given.items() if value != usual for word in (name, str(value))]
    return shlex.join(["scheduled", "web", "--url", *words])


class IdleShutdown:
    """Stops the server after *seconds* without a request that is let in; never if *seconds* is None. *now* is a monotonic clock."""

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
    key, root = key_file.key(), instance.paths.root
    found = sockets.sockets(options)
    server_address = sockets.server_address(key, options, found)
    application = app.create(
        instance.for_client,
        server_address,
        key=key_file.key,
        redeem=lambda code: sign_in.redeem(root, key_file.key(), code),
        active=shutdown.count_request,
    )
    code = sign_in.new_code(root, key) if sign_in.is_private(sys.stderr) else None
    print(announce(server_address, options, code), file=sys.stderr, flush=True)  # noqa: T201 - the address
    # The server handles SIGINT until its grace is over, and then sends it again: the default action ends the process also
    # while a thread hangs, for which an exit after a KeyboardInterrupt would wait.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    serve(application, options, found, shutdown)


def _names(instance: Instance) -> tuple[str, ...]:
    """Return the names in `[web] hosts` and `external_url`; none, with a message on stderr, if the configuration cannot be read.

    Raise ConfigError, with the line, if one of them is no address.
    """
    try:
        web = service.interfaces(instance).web
    except ConfigError as error:
        print(f"scheduled web: {error}; the pages show what the ledger knows", file=sys.stderr, flush=True)  # noqa: T201
        return ()
    if wrong := located(list(problems(instance.config_file, web.hosts, web.external_url))):
        raise ConfigError("\n".join(wrong))
    return (*web.hosts, *([] if web.external_url is None else [web.external_url]))


def url(instance: Instance, options: ListenOptions, *, renew: bool) -> str:
    """Return the URL with a new one-time code, for a server that already runs or that systemd starts on demand.

    Raise ConfigError if the options name no port.
    """
    if options.port == 0:
        raise ConfigError(
            "--port: a server that runs has no port 0; write the one that it printed when it started"
        )
    key, secure = _key(instance, renew=renew), options.certfile is not None
    address = sockets.address(ServerAddress(key=key, port=options.port, secure=secure), options)
    return f"{address}?token={sign_in.new_code(instance.paths.root, key)}"


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


def serve(
    app: ASGIApp,
    options: ListenOptions,
    found: list[socket.socket],
    idle: IdleShutdown,
    places: Places = Places(),  # noqa: B008 - immutable
) -> None:
    """Serve requests until the process is stopped or *idle* stops the server."""
    settings = uvicorn.Config(
        app,
        http=protocol(places),
        lifespan="off",
        log_level="warning",
        access_log=False,  # it would record tokens in URLs
        server_header=False,
        date_header=True,
        proxy_headers=False,
        ws="none",
        limit_concurrency=MOST_AT_ONCE + places.waiting,
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

    with asyncio.Runner(loop_factory=Loop) as runner:
        runner.run(serve_until_idle())
