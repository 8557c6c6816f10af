"""The verbs that start an interface for other programs: arguments -> the interface, nothing else."""

import click

from scheduled.cli.options import verb
from scheduled.instance import Instance


@click.command()
@verb
def mcp(instance: Instance) -> None:
    """Answer an agent on stdin and stdout (Model Context Protocol), until it hangs up."""
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
    help="Leave when nobody has called for so long.",
)
@verb
def dbus(instance: Instance, idle: float) -> None:
    """Answer on the session bus until nobody calls any more; `install --dbus` has the bus start it."""
    from scheduled.install.extras import need

    need("dbus")
    from scheduled.interfaces.dbus import server

    server.serve(instance, idle)


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8000, show_default=True, help="0: any that is free."
)
@click.option(
    "--idle",
    metavar="INTERVAL",
    default="15m",
    show_default=True,
    help="Ends when nobody has asked for so long; 0: never.",
)
@click.option("--certfile", metavar="FILE", help="TLS: the certificate (and, maybe, its key).")
@click.option("--keyfile", metavar="FILE", help="TLS: the certificate's key.")
@click.option("--new-token", is_flag=True, help="Make a new token first: whoever has the old one is out.")
@click.option("--url", is_flag=True, help="Only print the address with the token.")
@verb
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
    """Serve the pages and the REST interface, in the foreground, until nobody needs them any more."""
    from scheduled.install.extras import need

    need("web")
    from scheduled.interfaces.web import server, sockets

    listen = sockets.ListenOptions(host=host, port=port, certfile=certfile, keyfile=keyfile)
    if url:
        click.echo(server.url(instance, listen, renew=new_token))
    else:
        server.run(instance, listen, idle=idle, renew=new_token)
