"""The command line: arguments -> service, nothing else."""

import importlib
import sys
from io import TextIOWrapper
from typing import Any

import click

import scheduled
from scheduled.errors import EXIT_FAILED, EXIT_OK, EXIT_USAGE, ScheduledError
from scheduled.verbs import Where, as_json, door, everywhere, make_tick, print_json, say, show

CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 100}
# Which room has the verb.
ELSEWHERE = {
    "emit": "cli_events",
    **dict.fromkeys(("jobs", "show", "next", "explain", "forecast"), "cli_jobs"),
    **dict.fromkeys(("pause", "resume", "enable", "disable"), "cli_jobs"),
    **dict.fromkeys(("add", "remove", "edit", "apply"), "cli_edit"),
    **dict.fromkeys(("skip", "rerun", "stop", "history", "logs", "audit", "state"), "cli_runs"),
}


class Verbs(click.Group):
    """All verbs; those of other rooms are imported when they are asked for: a tick has no use for them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Name every verb, for the help."""
        return sorted({*super().list_commands(ctx), *ELSEWHERE})

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
@click.argument("jobs", nargs=-1)
@click.option(
    "--for", "slot", metavar="SLOT", help="Run the one JOB for this instant: its slot, if it is open."
)
@click.option("-n", "--dry-run", is_flag=True, help="Show what would start, in which order and why.")
@click.option("-v", "--verbose", is_flag=True, help="Say what is done even where stdout is no terminal.")
@as_json
@door
def run(
    where: Where, jobs: tuple[str, ...], slot: str | None, dry_run: bool, verbose: bool, as_json: bool
) -> int:
    """Catch up with what is due; with JOBS, run these now, whatever their schedules say."""
    from scheduled import service

    house = where.house()
    if slot is not None:
        return _run_for(house, jobs, slot, dry_run=dry_run, verbose=verbose, as_json=as_json)
    if dry_run:
        entries = service.plan(house) if not jobs else [{"job": job, "why": "asked for"} for job in jobs]
        service.known_jobs(house.config, jobs)
        show(entries, "plan", as_json=as_json)
        return EXIT_USAGE if say(house.config.problems) else EXIT_OK
    return make_tick(house, lambda: service.run(house, jobs), verbose=verbose, as_json=as_json)


def _run_for(
    house: Any, jobs: tuple[str, ...], slot: str, *, dry_run: bool, verbose: bool, as_json: bool
) -> int:
    from scheduled import asking
    from scheduled.instants import read

    if len(jobs) != 1:
        raise click.UsageError("--for SLOT belongs to exactly one JOB")
    instant = read(slot, house.zone)
    if dry_run:
        show([asking.foreseen(house, jobs[0], instant)], "plan", as_json=as_json)
        return EXIT_OK
    return make_tick(house, lambda: asking.run_for(house, jobs[0], instant), verbose=verbose, as_json=as_json)


@cli.command("daily-report")
@click.option(
    "--due", is_flag=True, help="Only if the report's slot is open; silent otherwise (for the crontab)."
)
@click.option("-n", "--dry-run", is_flag=True, help="Say whether a report would be made.")
@click.option("-v", "--verbose", is_flag=True, help="Say what is done even where stdout is no terminal.")
@as_json
@door
def daily_report(where: Where, due: bool, dry_run: bool, verbose: bool, as_json: bool) -> int:
    """Make the daily report now."""
    from scheduled import service

    house = where.house()
    if dry_run:
        name = house.handlers().get("daily_report")
        entries = [entry for entry in service.plan(house) if entry["job"] == name]
        show(entries if due else [{"job": name, "why": "asked for"}], "plan", as_json=as_json)
        return EXIT_OK
    return make_tick(house, lambda: service.daily_report(house, due=due), verbose=verbose, as_json=as_json)


@cli.command()
@as_json
@door
def status(where: Where, as_json: bool) -> int:
    """Show how everything stands, trouble first; exit 1 if there is any."""
    from scheduled.status import status as found

    document = found(where.config_file, where.paths)
    show(document, "status", as_json=as_json)
    return EXIT_OK if document["healthy"] else EXIT_FAILED


@cli.command()
@as_json
@door
def check(where: Where, as_json: bool) -> int:
    """Validate scheduled.toml and jobs.d; exit 2 if anything is wrong."""
    from scheduled import service

    document = service.check(where.config_file, where.paths)
    show(document, "check", as_json=as_json)
    return EXIT_OK if document["ok"] else EXIT_USAGE


@cli.command("try")
@click.argument("job")
@as_json
@door
def try_(where: Where, job: str, as_json: bool) -> int:
    """Run JOB as cron would, in cron's environment; nothing is recorded."""
    from scheduled import service, trial

    house = where.house()
    ending, printed = trial.attempt(house, service.known_jobs(house.config, [job])[0])
    if as_json:
        print_json({"job": job, "status": ending.status, "exit_code": ending.exit_code, "reason": ending.reason or None,
                     "duration_ms": ending.duration_ms, "output": printed})  # fmt: skip
    else:
        click.echo(printed, nl=False)
        click.echo(f"{job}: {ending.status}" + (f": {ending.reason}" if ending.reason else ""), err=True)
    return EXIT_OK if ending.status in ("success", "skipped") else EXIT_FAILED


@cli.command()
@click.option(
    "--every",
    type=int,
    metavar="MINUTES",
    help="How often cron looks: as now, or else every 5 minutes, more often where a schedule needs it.",
)
@click.option("-n", "--dry-run", is_flag=True, help="Show the block; change nothing.")
@as_json
@door
def install(where: Where, every: int | None, dry_run: bool, as_json: bool) -> None:
    """Put the marked block into your crontab; every other line stays as it is."""
    from scheduled import service
    from scheduled.install import crontab

    every = every or crontab.installed_cadence(crontab.read()) or service.needed_cadence(where.config_file)
    wanted = crontab.plan(config=where.config_file, state=where.paths.root, every=every)
    done = crontab.install(wanted, dry_run=dry_run)
    if not dry_run:
        _note_cadence(where, every)
    _report_crontab(done, dry_run=dry_run, as_json=as_json)


def _note_cadence(where: Where, every: int) -> None:
    """Remember how often ticks are to come: `status` measures them against it."""
    from scheduled import clock
    from scheduled.state.open import open_ledger

    ledger, _ = open_ledger(where.paths, clock.now())
    with ledger.transaction():
        ledger.remember("cadence", str(every * 60))
    ledger.close()


@cli.command()
@click.option("-n", "--dry-run", is_flag=True, help="Show what would be left; change nothing.")
@as_json
@door
def uninstall(where: Where, dry_run: bool, as_json: bool) -> None:
    """Take the marked block out of your crontab; configuration and state stay."""
    from scheduled.install import crontab

    done = crontab.uninstall(state=where.paths.root, dry_run=dry_run)
    _report_crontab(done, dry_run=dry_run, as_json=as_json)


def _report_crontab(done: Any, *, dry_run: bool, as_json: bool) -> None:
    backup = str(done.backup) if done.backup else None
    if as_json:
        after = done.after.decode(errors="replace")
        print_json({"changed": done.changed, "dry_run": dry_run, "backup": backup, "crontab": after})
    elif dry_run:
        click.echo(done.after, nl=False)
    else:
        click.echo("your crontab is changed" if done.changed else "your crontab needed no change")
        if backup:
            click.echo(f"the one before is kept in {backup}")


def main() -> int:
    """Run the command line in sys.argv; return the exit code. A user's mistake gets one line, no traceback."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # under a C locale not every name can be printed
    try:
        # Without click's own error handling an exit code is returned like any other answer.
        code = cli.main(prog_name="scheduled", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return EXIT_USAGE
    except click.Abort:
        return 130
    except ScheduledError as error:
        click.echo(f"scheduled: {error}", err=True)
        return error.exit_code
    except UnicodeEncodeError as error:
        click.echo(f"scheduled: {error.object!a}: not UTF-8", err=True)
        return EXIT_USAGE
    except BrokenPipeError:
        return EXIT_FAILED
    return code if isinstance(code, int) else EXIT_OK
