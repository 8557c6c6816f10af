"""The verbs about events, and about what came of them."""

import click

from scheduled.cli.options import as_json, verb
from scheduled.cli.reply import print_json, show
from scheduled.errors import EXIT_FAILED, EXIT_OK
from scheduled.instance import Instance


@click.command()
@click.argument("name")
@click.argument("payload", nargs=-1, metavar="[KEY=VALUE]...")
@click.option("-n", "--dry-run", is_flag=True, help="Only say which jobs listen.")
@as_json
@verb
def emit(instance: Instance, name: str, payload: tuple[str, ...], dry_run: bool, as_json: bool) -> None:
    """Tell of an event: the next tick starts the jobs that listen to NAME (`on = "NAME"`)."""
    from scheduled import service

    pairs = [pair.partition("=") for pair in payload]
    wrong = [key for key, equals, _ in pairs if not (key and equals)]
    if wrong:
        raise click.UsageError(f"write KEY=VALUE, not {wrong[0]!r}")
    done = service.emit(instance, name, {key: value for key, _, value in pairs}, dry_run=dry_run)
    if as_json:
        print_json(done)
    else:
        jobs = ", ".join(done["jobs"])
        click.echo(f"{name} starts {jobs}" if jobs else f"nobody listens to {name}")


@click.command()
@as_json
@verb
def incidents(instance: Instance, as_json: bool) -> None:
    """List what is wrong or noteworthy now, as jobs, or the runner itself, found it."""
    from scheduled import service

    show(service.incidents(instance), "incidents", as_json=as_json, among="render_jobs")


@click.command()
@as_json
@verb
def notices(instance: Instance, as_json: bool) -> None:
    """List the notices that are decided but not delivered yet."""
    from scheduled import service

    show(service.notices(instance), "notices", as_json=as_json, among="render_jobs")


@click.command()
@as_json
@verb
def report(instance: Instance, as_json: bool) -> int:
    """Print the newest daily report; exit 1 if there is none yet."""
    from scheduled import service

    found = service.report(instance)
    if as_json:
        print_json(found)
    else:
        click.echo(found["text"] or "there is no report yet; `scheduled daily-report` makes one")
    return EXIT_OK if found["path"] else EXIT_FAILED
