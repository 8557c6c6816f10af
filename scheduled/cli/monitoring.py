"""The commands for monitoring: `metrics` and `log`."""

from typing import Any

import click

from scheduled.cli.options import as_json, from_ledger, subcommand
from scheduled.cli.reply import print_json, print_line, print_lines
from scheduled.instance import Instance
from scheduled.printable import printable_json


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


@click.command()
@click.option(
    "-n", "--lines", type=click.IntRange(0, 1_000_000), default=20, show_default=True, help="Number of lines."
)
@click.option(
    "-f", "--follow", is_flag=True, help="Continue to print lines as they are written, until Ctrl-C."
)
@click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON document on stdout; with -f one on each line."
)
@subcommand
@from_ledger
def log(instance: Instance, *, lines: int, follow: bool, as_json: bool) -> None:
    """Print the last lines of the log of scheduled itself. `scheduled logs JOB` prints the output of a job."""
    from scheduled import service

    if follow:
        for entry in service.follow_log(instance, lines):
            _print_entry(entry, as_json=as_json)
    elif as_json:
        print_json(service.log(instance, lines))
    else:
        for entry in service.log(instance, lines):
            _print_entry(entry, as_json=False)


def _print_entry(entry: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        import msgspec

        print_lines(printable_json(msgspec.json.encode(entry).decode()) + "\n")
    else:
        print_line(entry["text"])
