"""The command about channels and routes of notices."""

import click

from scheduled.cli.options import as_json, subcommand
from scheduled.cli.reply import print_json, print_line, print_lines
from scheduled.errors import EXIT_FAILED, EXIT_OK
from scheduled.instance import Instance


@click.command()
@click.option(
    "--test",
    "to",
    metavar="NAME",
    required=True,
    help="The channel, address or route to send a test notice to.",
)
@click.option("-n", "--dry-run", is_flag=True, help="Show the notices; send nothing.")
@as_json
@subcommand
def notify(instance: Instance, to: str, dry_run: bool, as_json: bool) -> int:
    """Send a test notice at once. NAME is a channel, an address such as @flow, or the name or number of a route.

    Exit with 1 if a recipient did not get it.
    """
    from scheduled import service

    done = service.try_notice(instance, to, dry_run=dry_run)
    if as_json:
        print_json(done)
    for one in () if as_json else done["notices"]:
        named = one["recipient"] if one["channel"] is None else f"{one['recipient']} ({one['channel']})"
        if dry_run and one["channel"] is not None:
            print_line(f"{named} would get:")
            print_line(one["subject"])
            print_lines(f"\n{one['body']}\n")
        elif one["delivered"]:
            print_line(f"{named}: delivered")
        else:
            print_line(f"{named}: not delivered: {one['reason'] or 'there is no such channel'}", err=True)
    failed = [one for one in done["notices"] if not (one["delivered"] or (dry_run and one["channel"]))]
    return EXIT_FAILED if failed else EXIT_OK
