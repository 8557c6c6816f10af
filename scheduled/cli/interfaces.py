"""The commands that start an interface for other programs: `mcp`, `dbus` and `web`."""

import click
from click.core import ParameterSource

from scheduled.cli.options import subcommand
from scheduled.cli.reply import print_line
from scheduled.instance import Instance

ASSUMED = "scheduled web: this assumes that the server listens on port {}; write the --host and --port with which it was started"


def _is_default(option: str) -> bool:
    return click.get_current_context().get_parameter_source(option) is ParameterSource.DEFAULT


@click.command()
@subcommand
def mcp(instance: Instance) -> None:
    """Serve the Model Context Protocol on stdin and stdout. The server ends when the client closes stdin."""
    from scheduled.install.extras import need

    need("mcp")
    from scheduled.interfaces.mcp import server

    server.serve(instance)


@click.command()
@click.option(
    "--idle",
    type=click.FloatRange(0),
    metavar="SECONDS",
    default=10.0,
    show_default=True,
    help="Exit after this time without a call.",
)
@subcommand
def dbus(instance: Instance, idle: float) -> None:
    """Serve the D-Bus interface until it is idle. With `install --dbus` the session bus starts it on demand."""
    from scheduled.install.extras import need

    need("dbus")
    from scheduled.interfaces.dbus import server

    server.serve(instance, idle)


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8000,
    show_default=True,
    help="Port to listen on; 0: any free port.",
)
@click.option(
    "--idle",
    metavar="INTERVAL",
    default="15m",
    show_default=True,
    help="Exit after this time without a request; 0: never.",
)
@click.option("--certfile", metavar="FILE", help="TLS certificate; the file may also contain the key.")
@click.option("--keyfile", metavar="FILE", help="Private key of the TLS certificate.")
@click.option("--new-token", is_flag=True, help="Create a new token; the old one is no longer valid.")
@click.option("--url", is_flag=True, help="Print an address that signs one browser in, and exit.")
@subcommand
def web(
    instance: Instance,
    *,
    host: str,
    port: int,
    idle: str,
    certfile: str | None,
    keyfile: str | None,
    new_token: bool,
    url: bool,
) -> None:
    """Serve the web pages and the REST interface. The server runs in the foreground until it is idle."""
    from scheduled.install.extras import need

    need("web")
    from scheduled.interfaces.web import server, sockets

    listen = sockets.ListenOptions(host=host, port=port, certfile=certfile, keyfile=keyfile)
    if url:
        print_line(server.url(instance, listen, renew=new_token))
        if _is_default("port"):
            print_line(ASSUMED.format(port), err=True)
    else:
        server.run(instance, listen, idle=idle, renew=new_token)
