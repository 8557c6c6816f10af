"""The commands about ticks, their installation and their state."""

from typing import Any

import click

from scheduled.cli.options import (
    as_json,
    claimed,
    from_ledger,
    inherit_env,
    log_json,
    subcommand,
    target_names,
    verbose,
)
from scheduled.cli.reply import (
    print_errors,
    print_json,
    print_line,
    print_lines,
    print_output,
    run_tick,
    show,
)
from scheduled.core.keys import JobKey
from scheduled.errors import EXIT_BUSY, EXIT_FAILED, EXIT_OK, EXIT_USAGE
from scheduled.instance import Instance


@click.command()
@click.argument("jobs", nargs=-1, metavar="[JOB[@TARGET]]...", shell_complete=target_names)
@click.option(
    "--for",
    "slot",
    metavar="SLOT",
    help="Run the open slot SLOT (ISO 8601) of JOB; if none is open then, start a manual run for that instant.",
)
@claimed
@inherit_env
@click.option("-n", "--dry-run", is_flag=True, help="Show what would start, in which order and why.")
@verbose
@log_json
@as_json
@subcommand
def run(
    instance: Instance,
    jobs: tuple[str, ...],
    slot: str | None,
    inherit_env: bool,
    dry_run: bool,
    verbose: bool,
    as_json: bool,
) -> int:
    """Run all due jobs, including missed slots. With JOBS, run these now, independent of their schedules.

    A job with `for_each` means all its targets, JOB@TARGET one of them.
    """
    from scheduled import service

    if slot is not None and len(jobs) != 1:
        raise click.UsageError("--for SLOT: give exactly one JOB")
    if inherit_env and not jobs:
        raise click.UsageError("--inherit-env: give a JOB; all other runs get the environment of cron")
    if dry_run:
        show(service.dry_run(instance, jobs, slot), "planned_starts", as_json=as_json, notes=instance.notes)
        return EXIT_USAGE if print_errors(instance.problems) else EXIT_OK
    return run_tick(
        instance,
        lambda progress: service.run(instance, jobs, slot, progress, inherit_env=inherit_env),
        verbose=verbose,
        as_json=as_json,
    )


@click.command("daily-report")
@click.option(
    "--due",
    is_flag=True,
    help="Only if the report's slot is open; otherwise do nothing (for the crontab).",
)
@click.option("-n", "--dry-run", is_flag=True, help="Show whether a report would be written.")
@verbose
@log_json
@as_json
@subcommand
def daily_report(instance: Instance, due: bool, dry_run: bool, verbose: bool, as_json: bool) -> int:
    """Write the daily report now."""
    from scheduled import service

    if dry_run:
        show(service.dry_run_of_report(instance, due=due), "planned_starts", as_json=as_json)
        return EXIT_OK
    return run_tick(
        instance,
        lambda progress: service.daily_report(instance, due=due, on_event=progress),
        verbose=verbose,
        as_json=as_json,
    )


@click.command()
@click.option(
    "--brief", is_flag=True, help="Print one line if something is wrong, otherwise nothing (for .bashrc)."
)
@as_json
@subcommand
@from_ledger
def status(instance: Instance, brief: bool, as_json: bool) -> int:
    """Show current problems, the last tick and the jobs. Exit with 1 if there is a problem."""
    from scheduled import service

    if brief:  # with other options, or relative paths: the command alone does not come here, see `brief`
        return _print_brief(instance, as_json=as_json)
    document = service.status(instance)
    show(document, "status", as_json=as_json, module="render_status", notes=instance.notes)
    return EXIT_OK if document["healthy"] else EXIT_FAILED


def _print_brief(instance: Instance, *, as_json: bool) -> int:
    import os

    from scheduled import brief

    if as_json:
        raise click.UsageError("--brief and --json: give only one of them")
    paths = [os.fsdecode(path) for path in (instance.config_file, instance.paths.root)]
    return brief.run(["--config", paths[0], "--state", paths[1], *brief.VERBS]) or EXIT_OK


@click.command()
@as_json
@subcommand
def check(instance: Instance, as_json: bool) -> int:
    """Validate scheduled.toml and jobs.d. Exit with 2 if there is an error."""
    from scheduled import service

    document = service.check(instance)
    show(document, "check", as_json=as_json)
    return EXIT_OK if document["ok"] else EXIT_USAGE


@click.command("try")
@click.argument("job", metavar="JOB[@TARGET]", shell_complete=target_names)
@inherit_env
@as_json
@subcommand
def try_(instance: Instance, job: str, inherit_env: bool, as_json: bool) -> int:
    """Run JOB once in the environment of cron, without a record. Of a chain, run the steps one after another.

    Of a job with several targets, name the one to run.
    """
    from scheduled import service

    document = service.attempt(instance, job, inherit_env=inherit_env)
    if as_json:
        print_json(document)
    else:
        for entry in document["steps"] or [document]:
            _print_trial(entry)
        if document["steps"]:
            print_line(f"{job}: {_outcome(document)}", err=True)
    if document["status"] == "deferred":
        return EXIT_BUSY
    return EXIT_OK if document["status"] in ("success", "skipped") else EXIT_FAILED


def _print_trial(entry: dict[str, Any]) -> None:
    for step in entry["steps"]:
        _print_trial(step)
    if not entry["steps"]:
        print_output([entry["output"].encode()])
    name = JobKey(entry["job"], entry["target"] or "").display_name
    print_line(f"{name}: {_outcome(entry)}", err=True)


def _outcome(entry: dict[str, Any]) -> str:
    return f"{entry['status']}: {entry['reason']}" if entry["reason"] else str(entry["status"])


@click.command()
@click.option(
    "--every",
    type=int,
    metavar="MINUTES",
    help="Minutes between ticks. Default: as installed; otherwise 5, or fewer if a schedule needs it.",
)
@click.option("--dbus", is_flag=True, help="Also let the session bus start `scheduled dbus` on demand.")
@click.option("-n", "--dry-run", is_flag=True, help="Show the new crontab; change nothing.")
@as_json
@subcommand
def install(instance: Instance, every: int | None, dbus: bool, dry_run: bool, as_json: bool) -> None:
    """Add ticks to your crontab. They are in a marked block; other lines are not changed.

    If there is no configuration, also write a starter configuration.
    """
    from scheduled import service

    _report_crontab(service.install(instance, every, dbus=dbus, dry_run=dry_run), as_json=as_json)


@click.command()
@click.option("-n", "--dry-run", is_flag=True, help="Show the new crontab; change nothing.")
@as_json
@subcommand
def uninstall(instance: Instance, dry_run: bool, as_json: bool) -> None:
    """Remove the marked block from your crontab. Configuration and state are kept."""
    from scheduled import service

    _report_crontab(service.uninstall(instance, dry_run=dry_run), as_json=as_json)


def _report_crontab(done: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(done)
    elif done["dry_run"]:
        print_lines(done["crontab"])
    else:
        if done.get("configuration"):
            print_line(f"wrote a starter configuration: {done['configuration']}")
        print_line("your crontab was changed" if done["changed"] else "your crontab needed no change")
        if done["backup"]:
            print_line(f"the previous crontab is in {done['backup']}")
        for path in done["dbus"]:
            print_line(f"changed for the session bus: {path}")
        for warning in done.get("warnings", []):
            print_line(f"warning: {warning}", err=True)
