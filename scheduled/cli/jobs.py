"""The verbs about definitions: arguments -> service, nothing else."""

import click

from scheduled.cli.options import A_NUMBER, as_json, door, dry_run, job_names
from scheduled.cli.reply import say, show
from scheduled.errors import EXIT_OK, EXIT_USAGE
from scheduled.instance import Where


@click.command()
@as_json
@door
def jobs(where: Where, as_json: bool) -> int:
    """List the jobs: when each is due, what it does, how it went."""
    from scheduled import service

    show(service.jobs(where), "jobs", as_json=as_json, among="render_jobs")
    return EXIT_USAGE if say(where.problems) else EXIT_OK


@click.command("show")
@click.argument("job", shell_complete=job_names)
@as_json
@door
def show_(where: Where, job: str, as_json: bool) -> None:
    """Show everything configured of JOB, defaults included, where it stands, and its next slots."""
    from scheduled import service

    show(service.job(where, job), "job", as_json=as_json, among="render_jobs")


@click.command("next")
@click.argument("job", required=False, shell_complete=job_names)
@click.option("-n", "--limit", type=A_NUMBER, default=10, show_default=True, help="How many slots.")
@as_json
@door
def next_(where: Where, job: str | None, limit: int, as_json: bool) -> None:
    """Show the next slots, of JOB or of all."""
    from scheduled import service

    show(service.upcoming(where, job, limit), "upcoming", as_json=as_json, among="render_jobs")


@click.command()
@click.option("--from", "first", metavar="T", required=True, help="From when on, ISO 8601.")
@click.option("--to", "last", metavar="T", required=True, help="Until when (not included).")
@click.option("--outage", "outages", metavar="A..B", multiple=True, help="No tick happens from A to B.")
@click.option("--job", help="Only this job.")
@click.option("--ics", is_flag=True, help="Print a calendar (iCalendar).")
@as_json
@door
def forecast(
    where: Where, first: str, last: str, outages: tuple[str, ...], job: str | None, ics: bool, as_json: bool
) -> None:
    """Show what will run between two instants, through outages too, planned as a tick plans it."""
    from scheduled import service

    if ics:
        click.echo(service.calendar(where, first, last, outages, job), nl=False)
        return
    found = service.forecast(where, first, last, outages, job)
    show(found, "forecast", as_json=as_json, among="render_jobs")


@click.command()
@click.argument("job", shell_complete=job_names)
@click.option("--at", metavar="T", help="Of the slot at or before this instant: what became of it.")
@as_json
@door
def explain(where: Where, job: str, at: str | None, as_json: bool) -> None:
    """Say why JOB ran, did not, or will: a sentence, then what it rests on."""
    from scheduled import service

    show(service.explain(where, job, at), "explanation", as_json=as_json, among="render_jobs")


@click.command()
@click.argument("jobs", nargs=-1, shell_complete=job_names)
@click.option("--until", metavar="T", help="18:30, +2h, or ISO 8601; without it, until `resume`.")
@dry_run
@as_json
@door
def pause(where: Where, jobs: tuple[str, ...], until: str | None, dry_run: bool, as_json: bool) -> None:
    """Start nothing, or none of JOBS, for now; what comes due meanwhile is caught up on afterwards."""
    from scheduled import service

    done = service.pause(where, jobs, until, dry_run=dry_run)
    show(done, "pauses", as_json=as_json, among="render_jobs")


@click.command()
@click.argument("jobs", nargs=-1, shell_complete=job_names)
@dry_run
@as_json
@door
def resume(where: Where, jobs: tuple[str, ...], dry_run: bool, as_json: bool) -> None:
    """End the pause of all jobs, or those of JOBS; the next tick catches up."""
    from scheduled import service

    done = service.resume(where, jobs, dry_run=dry_run)
    show(done, "pauses", as_json=as_json, among="render_jobs")


@click.command()
@click.argument("jobs", nargs=-1, required=True, shell_complete=job_names)
@dry_run
@as_json
@door
def enable(where: Where, jobs: tuple[str, ...], dry_run: bool, as_json: bool) -> None:
    """Enable JOBS, whatever the configuration says; slots from now on count, nothing is replayed."""
    from scheduled import service

    done = service.enable(where, jobs, dry_run=dry_run)
    show(done, "switches", as_json=as_json, among="render_jobs")


@click.command()
@click.argument("jobs", nargs=-1, required=True, shell_complete=job_names)
@dry_run
@as_json
@door
def disable(where: Where, jobs: tuple[str, ...], dry_run: bool, as_json: bool) -> None:
    """Disable JOBS, whatever the configuration says; they have no slots until they are enabled again."""
    from scheduled import service

    done = service.disable(where, jobs, dry_run=dry_run)
    show(done, "switches", as_json=as_json, among="render_jobs")
