"""The verbs about ticks and the installation that makes them: arguments -> service, nothing else."""

from typing import Any

import click

from scheduled.cli.options import as_json, claimed, job_names, verb
from scheduled.cli.reply import make_tick, print_json, say, show
from scheduled.errors import EXIT_FAILED, EXIT_OK, EXIT_USAGE
from scheduled.instance import Instance


@click.command()
@click.argument("jobs", nargs=-1, shell_complete=job_names)
@click.option(
    "--for", "slot", metavar="SLOT", help="Run the one JOB for this instant: its slot, if it is open."
)
@claimed
@click.option("-n", "--dry-run", is_flag=True, help="Show what would start, in which order and why.")
@click.option("-v", "--verbose", is_flag=True, help="Say what is done even where stdout is no terminal.")
@as_json
@verb
def run(
    instance: Instance, jobs: tuple[str, ...], slot: str | None, dry_run: bool, verbose: bool, as_json: bool
) -> int:
    """Catch up with what is due; with JOBS, run these now, whatever their schedules say."""
    from scheduled import service

    if slot is not None and len(jobs) != 1:
        raise click.UsageError("--for SLOT belongs to exactly one JOB")
    if dry_run:
        show(service.plan(instance, jobs, slot), "plan", as_json=as_json)
        return EXIT_USAGE if say(instance.problems) else EXIT_OK
    return make_tick(lambda hear: service.run(instance, jobs, slot, hear), verbose=verbose, as_json=as_json)


@click.command("daily-report")
@click.option(
    "--due", is_flag=True, help="Only if the report's slot is open; silent otherwise (for the crontab)."
)
@click.option("-n", "--dry-run", is_flag=True, help="Say whether a report would be made.")
@click.option("-v", "--verbose", is_flag=True, help="Say what is done even where stdout is no terminal.")
@as_json
@verb
def daily_report(instance: Instance, due: bool, dry_run: bool, verbose: bool, as_json: bool) -> int:
    """Make the daily report now."""
    from scheduled import service

    if dry_run:
        show(service.plan_of_report(instance, due=due), "plan", as_json=as_json)
        return EXIT_OK
    return make_tick(
        lambda hear: service.daily_report(instance, due=due, hear=hear), verbose=verbose, as_json=as_json
    )


@click.command()
@as_json
@verb
def status(instance: Instance, as_json: bool) -> int:
    """Show how everything stands, trouble first; exit 1 if there is any."""
    from scheduled import service

    document = service.status(instance)
    show(document, "status", as_json=as_json)
    return EXIT_OK if document["healthy"] else EXIT_FAILED


@click.command()
@as_json
@verb
def check(instance: Instance, as_json: bool) -> int:
    """Validate scheduled.toml and jobs.d; exit 2 if anything is wrong."""
    from scheduled import service

    document = service.check(instance)
    show(document, "check", as_json=as_json)
    return EXIT_OK if document["ok"] else EXIT_USAGE


@click.command("try")
@click.argument("job", shell_complete=job_names)
@as_json
@verb
def try_(instance: Instance, job: str, as_json: bool) -> int:
    """Run JOB as cron would, in cron's environment; nothing is recorded."""
    from scheduled import service

    document = service.attempt(instance, job)
    if as_json:
        print_json(document)
    else:
        click.echo(document["output"], nl=False)
        reason = f": {document['reason']}" if document["reason"] else ""
        click.echo(f"{job}: {document['status']}{reason}", err=True)
    return EXIT_OK if document["status"] in ("success", "skipped") else EXIT_FAILED


@click.command()
@click.option(
    "--every",
    type=int,
    metavar="MINUTES",
    help="How often cron looks: as now, or else every 5 minutes, more often where a schedule needs it.",
)
@click.option(
    "--dbus", is_flag=True, help="Have the session bus start `scheduled dbus` when it is called, too."
)
@click.option("-n", "--dry-run", is_flag=True, help="Show the block; change nothing.")
@as_json
@verb
def install(instance: Instance, every: int | None, dbus: bool, dry_run: bool, as_json: bool) -> None:
    """Put the marked block into your crontab; every other line stays as it is. Without a configuration, write a starter."""
    from scheduled import service

    _report_crontab(service.install(instance, every, dbus=dbus, dry_run=dry_run), as_json=as_json)


@click.command()
@click.option("-n", "--dry-run", is_flag=True, help="Show what would be left; change nothing.")
@as_json
@verb
def uninstall(instance: Instance, dry_run: bool, as_json: bool) -> None:
    """Take the marked block out of your crontab; configuration and state stay."""
    from scheduled import service

    _report_crontab(service.uninstall(instance, dry_run=dry_run), as_json=as_json)


def _report_crontab(done: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(done)
    elif done["dry_run"]:
        click.echo(done["crontab"], nl=False)
    else:
        if done.get("configuration"):
            click.echo(f"wrote {done['configuration']}: there was no configuration yet")
        click.echo("your crontab is changed" if done["changed"] else "your crontab needed no change")
        if done["backup"]:
            click.echo(f"the one before is kept in {done['backup']}")
        for path in done["dbus"]:
            click.echo(f"changed for the session bus: {path}")
