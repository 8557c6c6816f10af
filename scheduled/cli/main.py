"""The command line: arguments -> service, nothing else."""

import importlib
from typing import Any

import click

import scheduled
from scheduled.cli.options import as_json, claimed, door, everywhere, job_names
from scheduled.cli.reply import make_tick, print_json, replied, say, show
from scheduled.errors import EXIT_FAILED, EXIT_OK, EXIT_USAGE
from scheduled.instance import Instance

CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 100}
# Which room has the verb.
ELSEWHERE = {
    **dict.fromkeys(("mcp", "dbus"), "cli.interfaces"),
    **dict.fromkeys(("emit", "incidents", "notices", "report"), "cli.events"),
    "web": "cli.web",
    **dict.fromkeys(("jobs", "show", "next", "explain", "forecast"), "cli.jobs"),
    **dict.fromkeys(("pause", "resume", "enable", "disable"), "cli.jobs"),
    **dict.fromkeys(("add", "remove", "edit", "apply"), "cli.definitions"),
    **dict.fromkeys(("skip", "rerun", "stop", "history", "logs", "audit", "state"), "cli.runs"),
}


class Verbs(click.Group):
    """All verbs; those of other rooms are imported when they are asked for: a tick has no use for them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Name every verb, for the help."""
        return sorted({*super().list_commands(ctx), *ELSEWHERE})

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Refuse an unknown verb with the nearest there is, in whichever room."""
        if not ctx.resilient_parsing and args[0][:1] != "-" and args[0] not in self.list_commands(ctx):
            import difflib

            near = difflib.get_close_matches(args[0], self.list_commands(ctx), n=1)
            raise click.UsageError(
                f"No such verb: {args[0]}" + (f"; did you mean {near[0]}?" if near else "")
            )
        return super().resolve_command(ctx, args)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return the verb, wherever it stands."""
        if cmd_name not in ELSEWHERE:
            return super().get_command(ctx, cmd_name)
        room = importlib.import_module(f"scheduled.{ELSEWHERE[cmd_name]}")
        # What would hide a name of Python's own bears an underscore.
        found = vars(room)
        verb: click.Command = found.get(f"{cmd_name}_") or found[cmd_name.replace("-", "_")]
        return verb


@click.group(cls=Verbs, context_settings=CONTEXT, no_args_is_help=True)
@click.version_option(scheduled.__version__, prog_name="scheduled")
@everywhere
def cli() -> None:
    """Cron jobs that catch up: every missed occurrence is accounted for, by a program that never stays resident.

    Exit codes: 0 all well; 1 a job failed for good, or something could not be recorded; 2 usage or
    configuration; 75 another tick holds what was asked for.
    """


@cli.command()
@click.argument("jobs", nargs=-1, shell_complete=job_names)
@click.option(
    "--for", "slot", metavar="SLOT", help="Run the one JOB for this instant: its slot, if it is open."
)
@claimed
@click.option("-n", "--dry-run", is_flag=True, help="Show what would start, in which order and why.")
@click.option("-v", "--verbose", is_flag=True, help="Say what is done even where stdout is no terminal.")
@as_json
@door
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


@cli.command("daily-report")
@click.option(
    "--due", is_flag=True, help="Only if the report's slot is open; silent otherwise (for the crontab)."
)
@click.option("-n", "--dry-run", is_flag=True, help="Say whether a report would be made.")
@click.option("-v", "--verbose", is_flag=True, help="Say what is done even where stdout is no terminal.")
@as_json
@door
def daily_report(instance: Instance, due: bool, dry_run: bool, verbose: bool, as_json: bool) -> int:
    """Make the daily report now."""
    from scheduled import service

    if dry_run:
        show(service.plan_of_report(instance, due=due), "plan", as_json=as_json)
        return EXIT_OK
    return make_tick(
        lambda hear: service.daily_report(instance, due=due, hear=hear), verbose=verbose, as_json=as_json
    )


@cli.command()
@as_json
@door
def status(instance: Instance, as_json: bool) -> int:
    """Show how everything stands, trouble first; exit 1 if there is any."""
    from scheduled import service

    document = service.status(instance)
    show(document, "status", as_json=as_json)
    return EXIT_OK if document["healthy"] else EXIT_FAILED


@cli.command()
@as_json
@door
def check(instance: Instance, as_json: bool) -> int:
    """Validate scheduled.toml and jobs.d; exit 2 if anything is wrong."""
    from scheduled import service

    document = service.check(instance)
    show(document, "check", as_json=as_json)
    return EXIT_OK if document["ok"] else EXIT_USAGE


@cli.command("try")
@click.argument("job", shell_complete=job_names)
@as_json
@door
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


@cli.command()
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
@door
def install(instance: Instance, every: int | None, dbus: bool, dry_run: bool, as_json: bool) -> None:
    """Put the marked block into your crontab; every other line stays as it is. Without a configuration, write a starter."""
    from scheduled import service

    _report_crontab(service.install(instance, every, dbus=dbus, dry_run=dry_run), as_json=as_json)


@cli.command()
@click.option("-n", "--dry-run", is_flag=True, help="Show what would be left; change nothing.")
@as_json
@door
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


def main() -> int:
    """Run the command line in sys.argv; return the exit code."""
    return replied(_parsed)


def _parsed() -> object:
    try:
        # Without click's own error handling an exit code is returned like any other answer.
        return cli.main(prog_name="scheduled", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return EXIT_USAGE
    except click.Abort:
        return 130
