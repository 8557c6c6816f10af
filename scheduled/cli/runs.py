"""The verbs about runs and slots: arguments -> service, nothing else."""

from pathlib import Path

import click

from scheduled.cli.options import A_NUMBER, as_json, claimed, dry_run, job_names, verb
from scheduled.cli.reply import make_tick, print_json, show
from scheduled.errors import EXIT_FAILED, EXIT_OK
from scheduled.instance import Instance


@click.command()
@click.argument("job", shell_complete=job_names)
@click.option("--for", "slot", metavar="SLOT", help="Only this slot, which may be one to come.")
@dry_run
@as_json
@verb
def skip(instance: Instance, job: str, slot: str | None, dry_run: bool, as_json: bool) -> None:
    """Let go of JOB's open slots: they get the verdict `skipped`, and a retry that waits is not made."""
    from scheduled import service

    done = service.skip(instance, job, slot, dry_run=dry_run)
    show(done, "skipped", as_json=as_json, among="render_jobs")


@click.command()
@click.argument("run_id", metavar="RUN")
@claimed
@dry_run
@click.option("-v", "--verbose", is_flag=True, help="Say what is done even where stdout is no terminal.")
@as_json
@verb
def rerun(instance: Instance, run_id: str, dry_run: bool, verbose: bool, as_json: bool) -> int:
    """Run RUN (as `history` names it) again now: its next attempt, or, if it is over, a new run for its instant."""
    from scheduled import service

    if dry_run:
        show(service.plan_of_rerun(instance, run_id), "plan", as_json=as_json)
        return EXIT_OK
    return make_tick(lambda hear: service.rerun(instance, run_id, hear), verbose=verbose, as_json=as_json)


@click.command()
@click.argument("run_id", metavar="RUN")
@click.option("-n", "--dry-run", is_flag=True, help="Only say whether the run is under way.")
@as_json
@verb
def stop(instance: Instance, run_id: str, dry_run: bool, as_json: bool) -> None:
    """End the run RUN (as `history` names it): TERM, then KILL; it is not retried."""
    from scheduled import service

    done = service.stop(instance, run_id, dry_run=dry_run)
    show(done, "stopped", as_json=as_json, among="render_jobs")


@click.command()
@click.argument("job", required=False, shell_complete=job_names)
@click.option("--since", metavar="T", help="2h or 7d ago, or ISO 8601.")
@click.option(
    "--status", metavar="WORD", help="Only these: success, failed, skipped, waiting_retry, running ..."
)
@click.option("-n", "--limit", type=A_NUMBER, default=20, show_default=True, help="How many runs.")
@as_json
@verb
def history(
    instance: Instance, job: str | None, since: str | None, status: str | None, limit: int, as_json: bool
) -> None:
    """Show the newest runs, of JOB or of all."""
    from scheduled import service

    runs = service.history(instance, job, since, status, limit)
    show(runs, "history", as_json=as_json)


@click.command()
@click.argument("name", metavar="JOB|RUN")
@click.option("-n", "--lines", type=click.IntRange(0), help="Only the last lines.")
@click.option("-f", "--follow", is_flag=True, help="Go on for as long as the run is under way.")
@as_json
@verb
def logs(instance: Instance, name: str, lines: int | None, follow: bool, as_json: bool) -> None:
    """Print what RUN, or JOB's newest run that printed anything, printed."""
    from scheduled import service

    document, data = service.as_printed(instance, name, lines)
    if as_json:
        print_json({**document, "output": data.decode(errors="replace")})
        return
    if newer := document["newer"]:
        of = "of the one newer attempt" if newer == 1 else f"of {newer} newer attempts"
        said = f"{document['run_id']}, attempt {document['attempt']}; {of} nothing was printed"
        click.echo(f"scheduled: {said}", err=True)
    click.echo(data, nl=False)
    if follow and document["path"] is not None and not newer:
        for grown in service.follow(instance, document["run_id"], document["size"]):
            click.echo(grown, nl=False)


@click.command()
@click.option("--from", "first", metavar="T", help="Only slots after this instant, ISO 8601.")
@click.option("--to", "last", metavar="T", help="Only slots up to this instant.")
@as_json
@verb
def audit(instance: Instance, first: str | None, last: str | None, as_json: bool) -> int:
    """Prove that every slot is accounted for; exit 1 with the slots if one is not."""
    from scheduled import service

    document = service.audit(instance, first, last)
    show(document, "audit", as_json=as_json)
    return EXIT_OK if document["ok"] else EXIT_FAILED


@click.group()
def state() -> None:
    """Back up and restore what is remembered: the ledger, the snapshot, the configuration."""


@state.command()
@click.argument("file", type=click.Path(path_type=Path))
@dry_run
@as_json
@verb
def backup(instance: Instance, file: Path, dry_run: bool, as_json: bool) -> None:
    """Write one consistent copy (tar.gz, 0600) to FILE, while jobs run too."""
    from scheduled import service

    done = service.backup(instance, file, dry_run=dry_run)
    show(done, "backed_up", as_json=as_json, among="render_jobs")


@state.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--with-config", is_flag=True, help="Restore scheduled.toml and jobs.d too.")
@dry_run
@as_json
@verb
def restore(instance: Instance, file: Path, with_config: bool, dry_run: bool, as_json: bool) -> None:
    """Go back to the state in FILE; the present one is kept aside. Slots since then count as missed."""
    from scheduled import service

    done = service.restore(instance, file, with_config=with_config, dry_run=dry_run)
    show(done, "restored", as_json=as_json, among="render_jobs")
