"""The verbs about events."""

import click

from scheduled.verbs import Where, as_json, door, print_json


@click.command()
@click.argument("name")
@click.argument("payload", nargs=-1, metavar="[KEY=VALUE]...")
@click.option("-n", "--dry-run", is_flag=True, help="Only say which jobs listen.")
@as_json
@door
def emit(where: Where, name: str, payload: tuple[str, ...], dry_run: bool, as_json: bool) -> None:
    """Tell of an event: the next tick starts the jobs that listen to NAME (`on = "NAME"`)."""
    from scheduled import service

    pairs = [pair.partition("=") for pair in payload]
    wrong = [key for key, equals, _ in pairs if not (key and equals)]
    if wrong:
        raise click.UsageError(f"write KEY=VALUE, not {wrong[0]!r}")
    jobs = service.emit(where.house(), name, {key: value for key, _, value in pairs}, dry_run=dry_run)
    if as_json:
        print_json({"event": name, "jobs": jobs, "dry_run": dry_run})
    else:
        click.echo(f"{name} starts {', '.join(jobs)}" if jobs else f"nobody listens to {name}")
