"""The commands about events, incidents, notices and reports."""

import click

from scheduled.advice import complete
from scheduled.cli.options import as_json, from_ledger, subcommand
from scheduled.cli.reply import print_json, print_line, print_lines, show
from scheduled.errors import EXIT_FAILED, EXIT_OK
from scheduled.instance import Instance


@click.command()
@click.argument("name")
@click.argument("payload", nargs=-1, metavar="[KEY=VALUE]...")
@click.option("-n", "--dry-run", is_flag=True, help="Show which jobs the event would start; publish nothing.")
@as_json
@subcommand
def emit(instance: Instance, name: str, payload: tuple[str, ...], dry_run: bool, as_json: bool) -> None:
    """Publish the event NAME. The next tick starts the jobs with `on = "NAME"`."""
    from scheduled import service

    pairs = [pair.partition("=") for pair in payload]
    invalid = [text for text, (key, equals, _) in zip(payload, pairs, strict=True) if not (key and equals)]
    if invalid:
        raise click.UsageError(f"{invalid[0]}: write KEY=VALUE")
    done = service.emit(instance, name, {key: value for key, _, value in pairs}, dry_run=dry_run)
    if as_json:
        print_json(done)
    else:
        jobs = ", ".join(done["jobs"])
        starts = f"the next tick {'would start' if dry_run else 'starts'} {jobs}"
        print_line(f"{name}: {starts if jobs else 'no job starts on this event'}")


@click.command()
@as_json
@subcommand
@from_ledger
def incidents(instance: Instance, as_json: bool) -> None:
    """List the current incidents. Jobs and scheduled itself report them."""
    from scheduled import service

    found = service.incidents(instance)
    known = bool(instance.config_error or instance.paths.remarks)
    show(found, "incidents", as_json=as_json, module="render_status", others=known)


@click.command()
@as_json
@subcommand
@from_ledger
def notices(instance: Instance, as_json: bool) -> None:
    """List the notices that are not delivered yet."""
    from scheduled import service

    show(service.notices(instance), "notices", as_json=as_json, module="render_status")


@click.command()
@as_json
@subcommand
def report(instance: Instance, as_json: bool) -> int:
    """Print the newest daily report. Exit with 1 if there is none."""
    from scheduled import service

    found = service.report(instance)
    if as_json:
        print_json(found)
    else:
        none = complete("no report yet; `scheduled daily-report` writes one")
        print_lines(f"{found['text'] or none}\n")
        if found["ticks_problem"]:
            print_line(f"warning: {found['ticks_problem']}", err=True)
    return EXIT_OK if found["path"] else EXIT_FAILED
