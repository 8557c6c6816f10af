"""The verbs about definitions: arguments -> service, nothing else."""

import click

from scheduled.cli.options import A_NUMBER, as_json, dry_run, job_names, verb
from scheduled.cli.reply import say, show
from scheduled.errors import EXIT_OK, EXIT_USAGE
from scheduled.instance import Instance


@click.command()
@as_json
@verb
def jobs(instance: Instance, as_json: bool) -> int:
    """List the jobs: when each is due, what it does, how it went."""
    from scheduled import service

    show(service.jobs(instance), "jobs", as_json=as_json, among="render_jobs")
    return EXIT_USAGE if say(instance.problems) else EXIT_OK


@click.command("show")
@click.argument("job", shell_complete=job_names)
@as_json
@verb
def show_(instance: Instance, job: str, as_json: bool) -> None:
    """Show everything configured of JOB, defaults included, where it stands, and its next slots."""
    from scheduled import service

    show(service.job(instance, job), "job", as_json=as_json, among="render_jobs")


@click.command("next")
@click.argument("job", required=False, shell_complete=job_names)
@click.option("-n", "--limit", type=A_NUMBER, default=10, show_default=True, help="How many slots.")
@as_json
@verb
def next_(instance: Instance, job: str | None, limit: int, as_json: bool) -> None:
    """Show the next slots, of JOB or of all."""
    from scheduled import service

    show(service.upcoming(instance, job, limit), "upcoming", as_json=as_json, among="render_jobs")


@click.command()
@click.option("--from", "first", metavar="T", required=True, help="From when on, ISO 8601.")
@click.option("--to", "last", metavar="T", required=True, help="Until when (not included).")
@click.option("--outage", "outages", metavar="A..B", multiple=True, help="No tick happens from A to B.")
@click.option("--job", help="Only this job.")
@click.option("--ics", is_flag=True, help="Print a calendar (iCalendar).")
@as_json
@verb
def forecast(
    instance: Instance,
    first: str,
    last: str,
    outages: tuple[str, ...],
    job: str | None,
    ics: bool,
    as_json: bool,
) -> None:
    """Show what will run between two instants, through outages too, planned as a tick plans it."""
    from scheduled import service

    if ics:
        click.echo(service.calendar(instance, first, last, outages, job), nl=False)
        return
    found = service.forecast(instance, first, last, outages, job)
    show(found, "forecast", as_json=as_json, among="render_jobs")


@click.command()
@click.argument("job", shell_complete=job_names)
@click.option("--at", metavar="T", help="Of the slot at or before this instant: what became of it.")
@as_json
@verb
def explain(instance: Instance, job: str, at: str | None, as_json: bool) -> None:
    """Say why JOB ran, did not, or will: a sentence, then what it rests on."""
    from scheduled import service

    show(service.explain(instance, job, at), "explanation", as_json=as_json, among="render_jobs")


@click.command()
@click.argument("jobs", nargs=-1, shell_complete=job_names)
@click.option("--until", metavar="T", help="18:30, +2h, or ISO 8601; without it, until `resume`.")
@dry_run
@as_json
@verb
def pause(instance: Instance, jobs: tuple[str, ...], until: str | None, dry_run: bool, as_json: bool) -> None:
    """Start nothing, or none of JOBS, for now; what comes due meanwhile is caught up on afterwards."""
    from scheduled import service

    done = service.pause(instance, jobs, until, dry_run=dry_run)
    show(done, "pauses", as_json=as_json, among="render_jobs")


@click.command()
@click.argument("jobs", nargs=-1, shell_complete=job_names)
@dry_run
@as_json
@verb
def resume(instance: Instance, jobs: tuple[str, ...], dry_run: bool, as_json: bool) -> None:
    """End the pause of all jobs, or those of JOBS; the next tick catches up."""
    from scheduled import service

    done = service.resume(instance, jobs, dry_run=dry_run)
    show(done, "pauses", as_json=as_json, among="render_jobs")


@click.command()
@click.argument("jobs", nargs=-1, required=True, shell_complete=job_names)
@dry_run
@as_json
@verb
def enable(instance: Instance, jobs: tuple[str, ...], dry_run: bool, as_json: bool) -> None:
    """Enable JOBS, whatever the configuration says; slots from now on count, nothing is replayed."""
    from scheduled import service

    done = service.enable(instance, jobs, dry_run=dry_run)
    show(done, "switches", as_json=as_json, among="render_jobs")


@click.command()
@click.argument("jobs", nargs=-1, required=True, shell_complete=job_names)
@dry_run
@as_json
@verb
def disable(instance: Instance, jobs: tuple[str, ...], dry_run: bool, as_json: bool) -> None:
    """Disable JOBS, whatever the configuration says; they have no slots until they are enabled again."""
    from scheduled import service

    done = service.disable(instance, jobs, dry_run=dry_run)
    show(done, "switches", as_json=as_json, among="render_jobs")
