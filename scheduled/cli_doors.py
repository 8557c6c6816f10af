"""The verbs that open a door for other programs: arguments -> the door, nothing else."""

import click

from scheduled.verbs import door
from scheduled.where import Where


@click.command()
@door
def mcp(where: Where) -> None:
    """Answer an agent on stdin and stdout (Model Context Protocol), until it hangs up."""
    from scheduled.doors.library import need

    need("mcp", door="mcp")
    from scheduled.doors import mcp

    mcp.serve(where)
