"""The commands for monitoring: `metrics` and `log`."""

import click

from scheduled.cli.options import as_json, from_ledger, subcommand
from scheduled.cli.reply import print_json, print_lines
from scheduled.instance import Instance


@click.command()
@as_json
@subcommand
@from_ledger
def metrics(instance: Instance, as_json: bool) -> None:
    """Print the metrics for Prometheus in its text format. `[metrics] textfile` writes the same after each tick."""
    from scheduled import service

    if as_json:
        print_json(service.metrics(instance))
    else:
        print_lines(service.metrics_text(instance))
