"""The verbs about definitions: arguments -> service, nothing else."""

import click

from scheduled.errors import EXIT_OK, EXIT_USAGE
from scheduled.verbs import Where, as_json, door, say, show


@click.command()
@as_json
@door
def jobs(where: Where, as_json: bool) -> int:
    """List the jobs: when each is due, what it does, how it went."""
    from scheduled import listing
    from scheduled.view import look

    view = look(where.config_file, where.paths)
    show(listing.jobs(view), "jobs", as_json=as_json, among="render_jobs")
    return EXIT_USAGE if say(view.config.problems) else EXIT_OK


@click.command("show")
@click.argument("job")
@as_json
@door
def show_(where: Where, job: str, as_json: bool) -> None:
    """Show everything configured of JOB, defaults included, where it stands, and its next slots."""
    from scheduled import listing
    from scheduled.view import look

    view = look(where.config_file, where.paths)
    show(listing.show(view, job), "job", as_json=as_json, among="render_jobs")


@click.command("next")
@click.argument("job", required=False)
@click.option("-n", "--limit", type=click.IntRange(1), default=10, show_default=True, help="How many slots.")
@as_json
@door
def next_(where: Where, job: str | None, limit: int, as_json: bool) -> None:
    """Show the next slots, of JOB or of all."""
    from scheduled import listing
    from scheduled.view import look

    view = look(where.config_file, where.paths)
    show(listing.upcoming(view, job, limit), "upcoming", as_json=as_json, among="render_jobs")
