"""The commands with which a person answers incidents: `ack`, `mute` and `unmute`."""

import click

from scheduled.cli.options import as_json, dry_run, subcommand, target_names
from scheduled.cli.reply import show
from scheduled.instance import Instance


@click.command()
@click.argument("names", nargs=-1, metavar="[JOB[@TARGET]|KEY]...", shell_complete=target_names)
@click.option("--all", "every", is_flag=True, help="Acknowledge all open incidents.")
@dry_run
@as_json
@subcommand
def ack(instance: Instance, names: tuple[str, ...], every: bool, dry_run: bool, as_json: bool) -> None:
    """Acknowledge the open incidents of JOBS, or those with these KEYS: no more reminders.

    KEY is a key from `scheduled incidents --json`. The recovery is still announced.
    """
    from scheduled import service

    if bool(names) == every:
        raise click.UsageError("give a JOB or KEY, or --all")
    done = service.ack(instance, names, dry_run=dry_run)
    show(done, "acknowledged", as_json=as_json, module="render_changes", dry_run=dry_run)


@click.command()
@click.argument("jobs", nargs=-1, required=True, metavar="JOB[@TARGET]...", shell_complete=target_names)
@click.option(
    "--for",
    "until",
    metavar="T",
    help="For how long: 2d, +2h, or until 18:30 or ISO 8601. Default: until `scheduled unmute`.",
)
@dry_run
@as_json
@subcommand
def mute(instance: Instance, jobs: tuple[str, ...], until: str | None, dry_run: bool, as_json: bool) -> None:
    """Make no notices about JOBS or single targets for some time. They run as before."""
    from scheduled import service

    done = service.mute(instance, jobs, until, dry_run=dry_run)
    show(done, "muted", as_json=as_json, module="render_changes", dry_run=dry_run)


@click.command()
@click.argument("jobs", nargs=-1, required=True, metavar="JOB[@TARGET]...", shell_complete=target_names)
@dry_run
@as_json
@subcommand
def unmute(instance: Instance, jobs: tuple[str, ...], dry_run: bool, as_json: bool) -> None:
    """Make notices about JOBS or single targets again."""
    from scheduled import service

    done = service.unmute(instance, jobs, dry_run=dry_run)
    show(done, "unmuted", as_json=as_json, module="render_changes", dry_run=dry_run)
