"""The verbs that open a door for other programs: arguments -> the door, nothing else."""

import click

from scheduled.cli.options import door
from scheduled.instance import Instance


@click.command()
@door
def mcp(instance: Instance) -> None:
    """Answer an agent on stdin and stdout (Model Context Protocol), until it hangs up."""
    from scheduled.install.extras import need

    need("mcp")
    from scheduled.interfaces.mcp import server as mcp

    mcp.serve(instance)


@click.command()
@click.option(
    "--idle",
    type=click.FloatRange(0),
    metavar="SECONDS",
    default=10.0,
    show_default=True,
    help="Leave when nobody has called for so long.",
)
@door
def dbus(instance: Instance, idle: float) -> None:
    """Answer on the session bus until nobody calls any more; `install --dbus` has the bus start it."""
    from scheduled.install.extras import need

    need("dbus")
    from scheduled.interfaces.dbus import server as dbus

    dbus.serve(instance, idle)
