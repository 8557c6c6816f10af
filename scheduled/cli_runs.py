"""The verbs about runs and slots: arguments -> service, nothing else."""

import click

from scheduled.errors import EXIT_FAILED, EXIT_OK
from scheduled.verbs import Where, as_json, door, dry_run, make_tick, print_json, show


@click.command()
@click.argument("job")
@click.option("--for", "slot", metavar="SLOT", help="Only this slot, which may be one to come.")
@dry_run
@as_json
@door
def skip(where: Where, job: str, slot: str | None, dry_run: bool, as_json: bool) -> None:
    """Let go of JOB's open slots: they get the verdict `skipped`, and a retry that waits is not made."""
    from scheduled import asking
    from scheduled.instants import read

    house = where.house()
    instant = None if slot is None else read(slot, house.zone)
    done = asking.skip(house, job, instant, dry_run=dry_run)
    show(done, "skipped", as_json=as_json, among="render_jobs")


@click.command()
@click.argument("run_id", metavar="RUN")
@dry_run
@click.option("-v", "--verbose", is_flag=True, help="Say what is done even where stdout is no terminal.")
@as_json
@door
def rerun(where: Where, run_id: str, dry_run: bool, verbose: bool, as_json: bool) -> int:
    """Run RUN (as `history` names it) again now: its next attempt, or, if it is over, a new run for its instant."""
    from scheduled import asking

    house = where.house()
    if dry_run:
        wish = asking.wish_again(house, run_id)
        show([{"job": wish.job, "why": f"{run_id} again"}], "plan", as_json=as_json)
        return EXIT_OK
    return make_tick(house, lambda: asking.rerun(house, run_id), verbose=verbose, as_json=as_json)


@click.command()
@click.argument("run_id", metavar="RUN")
@click.option("-n", "--dry-run", is_flag=True, help="Only say whether the run is under way.")
@door
def stop(where: Where, run_id: str, dry_run: bool) -> None:
    """End the run RUN (as `history` names it): TERM, then KILL; it is not retried."""
    from scheduled.stop import stop as end

    end(where.house(), run_id, dry_run=dry_run)


@click.command()
@click.argument("job", required=False)
@click.option("-n", "--limit", type=click.IntRange(1), default=20, show_default=True, help="How many runs.")
@as_json
@door
def history(where: Where, job: str | None, limit: int, as_json: bool) -> None:
    """Show the newest runs, of JOB or of all."""
    from scheduled import config, service

    found = config.load(where.config_file)
    show(service.history(where.paths, found.timezone, job=job, limit=limit), "history", as_json=as_json)


@click.command()
@click.argument("job")
@as_json
@door
def logs(where: Where, job: str, as_json: bool) -> None:
    """Print what JOB's newest run printed."""
    from scheduled import service

    document = service.logs(where.paths, job)
    if as_json:
        print_json(document)
    else:
        click.echo(document["output"], nl=False)


@click.command()
@as_json
@door
def audit(where: Where, as_json: bool) -> int:
    """Prove that every slot is accounted for; exit 1 with the slots if one is not."""
    from scheduled import config, service

    document = service.audit(where.paths, config.load(where.config_file).timezone)
    show(document, "audit", as_json=as_json)
    return EXIT_OK if document["ok"] else EXIT_FAILED
