"""The commands about jobs: their definitions, their future runs and their overrides."""

import click

from scheduled.cli.options import A_NUMBER, as_json, dry_run, from_ledger, subcommand, target_names
from scheduled.cli.reply import print_errors, print_output, show
from scheduled.errors import EXIT_OK, EXIT_USAGE
from scheduled.instance import Instance


@click.command()
@as_json
@subcommand
@from_ledger
def jobs(instance: Instance, as_json: bool) -> int:
    """List the jobs with schedule, next run and last result."""
    from scheduled import service

    show(service.jobs(instance), "jobs", as_json=as_json, module="render_jobs", notes=instance.notes)
    return _code(instance)


def _code(instance: Instance) -> int:
    """Print the errors in the configuration of single jobs, which the answer leaves out; return the exit code."""
    # `from_ledger` prints the error of a configuration that cannot be read.
    return EXIT_USAGE if not instance.config_error and print_errors(instance.problems) else EXIT_OK


@click.command("show")
@click.argument("name", metavar="JOB[@TARGET]|RUN", shell_complete=target_names)
@as_json
@subcommand
@from_ledger
def show_(instance: Instance, name: str, as_json: bool) -> None:
    """Show the settings, the state and the next slots of JOB, and its targets, or the result and the attempts of RUN.

    Default settings are included. RUN is a run id from `scheduled history`.
    """
    from scheduled import service

    found = service.job_or_run(instance, name)
    kind, module = ("run", "render_run") if "run_id" in found else ("job", "render_jobs")
    show(found, kind, as_json=as_json, module=module)


@click.command("next")
@click.argument("job", metavar="[JOB[@TARGET]]", required=False, shell_complete=target_names)
@click.option("-n", "--limit", type=A_NUMBER, default=10, show_default=True, help="Number of slots.")
@as_json
@subcommand
@from_ledger
def next_(instance: Instance, job: str | None, limit: int, as_json: bool) -> int:
    """List the next slots, of JOB or of all jobs, open ones first, and when they run.

    A line is for all targets of a job that a tick treats alike; with --json each target has its own entries.
    """
    from scheduled import service

    found = service.upcoming(instance, job, limit, together=not as_json)
    show(found, "upcoming", as_json=as_json, module="render_jobs", notes=instance.notes)
    return _code(instance) if job is None else EXIT_OK


@click.command()
@click.option("--from", "first", metavar="T", required=True, help="Begin of the span (ISO 8601).")
@click.option("--to", "last", metavar="T", required=True, help="End of the span (ISO 8601), not included.")
@click.option(
    "--outage",
    "outages",
    metavar="A..B",
    multiple=True,
    help="Assume no ticks from A to B; may be given several times.",
)
@click.option(
    "--job",
    "jobs",
    metavar="JOB[@TARGET]",
    multiple=True,
    shell_complete=target_names,
    help="Only this job; may be given several times.",
)
@click.option("--ics", is_flag=True, help="Print an iCalendar document.")
@as_json
@subcommand
@from_ledger
def forecast(
    instance: Instance,
    first: str,
    last: str,
    outages: tuple[str, ...],
    jobs: tuple[str, ...],
    ics: bool,
    as_json: bool,
) -> int:
    """List the runs between two instants. They are planned in the same way as by a tick.

    What is before now is history, and not listed. Below the table are the assumptions.
    """
    from scheduled import service

    if ics:
        instance.without_config = False  # a program that reads an empty calendar would remove all its entries
        print_output([service.calendar(instance, first, last, outages, jobs).encode()], raw=True)
        return EXIT_OK
    found = service.forecast(instance, first, last, outages, jobs)
    show(found, "forecast", as_json=as_json, module="render_jobs", notes=instance.notes)
    return EXIT_OK if jobs else _code(instance)


@click.command()
@click.argument("job", metavar="JOB[@TARGET]", shell_complete=target_names)
@click.option("--at", metavar="T", help="Explain the last slot at or before this instant (ISO 8601).")
@as_json
@subcommand
@from_ledger
def explain(instance: Instance, job: str, at: str | None, as_json: bool) -> None:
    """Explain why JOB ran, did not run, or will run. Print one sentence, then the facts behind it.

    For a job with `for_each`, print a sentence for each target; JOB@TARGET explains one in full.
    """
    from scheduled import service

    show(service.explain(instance, job, at), "explanation", as_json=as_json, module="render_jobs")


@click.command()
@click.argument("job", metavar="JOB[@TARGET]", shell_complete=target_names)
@click.option("--diff-shell", is_flag=True, help="List only what differs from the variables of your shell.")
@as_json
@subcommand
def env(instance: Instance, job: str, diff_shell: bool, as_json: bool) -> None:
    """List the environment that JOB would get now, with the source of each variable. Secrets are masked and not read."""
    from scheduled import service

    found = service.environment(instance, job, diff_shell=diff_shell)
    show(found, "environment", as_json=as_json, module="render_environment")


@click.command()
@click.argument("jobs", nargs=-1, metavar="[JOB[@TARGET]]...", shell_complete=target_names)
@click.option(
    "--until",
    metavar="T",
    help="End of the pause: 18:30, +2h or ISO 8601. Default: until `scheduled resume`.",
)
@dry_run
@as_json
@subcommand
def pause(instance: Instance, jobs: tuple[str, ...], until: str | None, dry_run: bool, as_json: bool) -> None:
    """Pause JOBS or single targets, or all jobs. Slots that come due during the pause run after it."""
    from scheduled import service

    done = service.pause(instance, jobs, until, dry_run=dry_run)
    show(done, "paused", as_json=as_json, module="render_changes", dry_run=dry_run)


@click.command()
@click.argument("jobs", nargs=-1, metavar="[JOB[@TARGET]]...", shell_complete=target_names)
@dry_run
@as_json
@subcommand
def resume(instance: Instance, jobs: tuple[str, ...], dry_run: bool, as_json: bool) -> None:
    """End the pauses of JOBS or single targets, or the pause of all jobs. The next tick runs their open slots."""
    from scheduled import service

    done = service.resume(instance, jobs, dry_run=dry_run)
    show(done, "resumed", as_json=as_json, module="render_changes", dry_run=dry_run)


@click.command()
@click.argument("jobs", nargs=-1, required=True, metavar="JOB[@TARGET]...", shell_complete=target_names)
@dry_run
@as_json
@subcommand
def enable(instance: Instance, jobs: tuple[str, ...], dry_run: bool, as_json: bool) -> None:
    """Enable JOBS or single targets, overriding the configuration. Slots before now do not run."""
    from scheduled import service

    done = service.enable(instance, jobs, dry_run=dry_run)
    show(done, "overridden", as_json=as_json, module="render_changes", dry_run=dry_run)


@click.command()
@click.argument("jobs", nargs=-1, required=True, metavar="JOB[@TARGET]...", shell_complete=target_names)
@dry_run
@as_json
@subcommand
def disable(instance: Instance, jobs: tuple[str, ...], dry_run: bool, as_json: bool) -> None:
    """Disable JOBS or single targets, overriding the configuration. They have no slots until they are enabled again."""
    from scheduled import service

    done = service.disable(instance, jobs, dry_run=dry_run)
    show(done, "overridden", as_json=as_json, module="render_changes", dry_run=dry_run)
