"""The commands that answer a run which waits for a person."""

import click

from scheduled.cli.options import as_json, claimed, dry_run, subcommand, target_names, verbose
from scheduled.cli.reply import run_tick, show
from scheduled.errors import EXIT_OK
from scheduled.instance import Instance


@click.command()
@click.argument("run", metavar="RUN|JOB[@TARGET]", shell_complete=target_names)
@claimed
@dry_run
@verbose
@as_json
@subcommand
def approve(instance: Instance, run: str, dry_run: bool, verbose: bool, as_json: bool) -> int:
    """Approve RUN, or the only run of JOB that waits for an answer, and start it now.

    A run waits because its job has `approve`, or because it was interrupted and its job has `on_interrupted = "ask"`. If
    it cannot start now, a later tick starts it.
    """
    from scheduled import service

    if dry_run:
        show(service.dry_run_of_approve(instance, run), "planned_starts", as_json=as_json)
        return EXIT_OK
    return run_tick(
        instance, lambda progress: service.approve(instance, run, progress), verbose=verbose, as_json=as_json
    )


@click.command()
@click.argument("run", metavar="RUN|JOB[@TARGET]", shell_complete=target_names)
@dry_run
@as_json
@subcommand
def deny(instance: Instance, run: str, dry_run: bool, as_json: bool) -> None:
    """Deny RUN, or the only run of JOB that waits for an answer: its slot is skipped."""
    from scheduled import service

    done = service.deny(instance, run, dry_run=dry_run)
    show(done, "denied", as_json=as_json, module="render_changes")
