"""The commands about runs, slots and the ledger."""

from itertools import chain

import click

from scheduled.cli.options import (
    A_NUMBER,
    as_json,
    claimed,
    dry_run,
    from_ledger,
    print_config_error,
    subcommand,
    target_names,
    verbose,
)
from scheduled.cli.reply import print_errors, print_json, print_output, run_tick, show
from scheduled.errors import EXIT_FAILED, EXIT_OK
from scheduled.instance import Instance


@click.command()
@click.argument("job", metavar="JOB[@TARGET]", shell_complete=target_names)
@click.option("--for", "slot", metavar="SLOT", help="Only this slot (ISO 8601), which may be in the future.")
@click.option(
    "--undo", is_flag=True, help="Open slots again that you skipped, as long as no later slot is decided."
)
@dry_run
@as_json
@subcommand
def skip(instance: Instance, job: str, slot: str | None, undo: bool, dry_run: bool, as_json: bool) -> None:
    """Skip the open slots of JOB, of all its targets. They get the verdict `skipped`, and waiting retries end."""
    from scheduled import service

    done = service.skip(instance, job, slot, undo=undo, dry_run=dry_run)
    show(done, "skipped", as_json=as_json, module="render_changes", dry_run=dry_run)


@click.command()
@click.argument("run_id", metavar="RUN")
@claimed
@dry_run
@verbose
@as_json
@subcommand
def rerun(instance: Instance, run_id: str, dry_run: bool, verbose: bool, as_json: bool) -> int:
    """Repeat RUN, a run id from `scheduled history`, now.

    A run that waits for a retry starts its next attempt. A run that has ended is repeated as a new run for the same
    instant.
    """
    from scheduled import service

    if dry_run:
        show(service.dry_run_of_rerun(instance, run_id), "planned_starts", as_json=as_json)
        return EXIT_OK
    return run_tick(
        instance, lambda progress: service.rerun(instance, run_id, progress), verbose=verbose, as_json=as_json
    )


@click.command()
@click.argument("run_id", metavar="RUN")
@click.option("-n", "--dry-run", is_flag=True, help="Show the process of the run; do not stop it.")
@as_json
@subcommand
def stop(instance: Instance, run_id: str, dry_run: bool, as_json: bool) -> None:
    """Stop RUN, a run id from `scheduled history`.

    The process group of the run gets TERM, and KILL after the `kill_after` of its job. Its slot is skipped, and it is not
    retried. The steps of a chain end with it. A run that waits for its next attempt ends at once.
    """
    from scheduled import service

    done = service.stop(instance, run_id, dry_run=dry_run)
    show(done, "stopped", as_json=as_json, module="render_changes")
    print_config_error(instance)


@click.command()
@click.argument("job", metavar="[JOB[@TARGET]]", required=False, shell_complete=target_names)
@click.option("--since", metavar="T", help="Only runs since then: an age (2h, 7d) or an instant (ISO 8601).")
@click.option(
    "--status",
    metavar="WORD",
    help="Only runs with this status: success, failed, skipped, waiting_retry, running, ...",
)
@click.option("-n", "--limit", type=A_NUMBER, default=20, show_default=True, help="Number of runs.")
@as_json
@subcommand
@from_ledger
def history(
    instance: Instance, job: str | None, since: str | None, status: str | None, limit: int, as_json: bool
) -> None:
    """List the newest runs, of JOB or of all jobs."""
    from scheduled import service

    runs = service.history(instance, job, since, status, limit)
    show(runs, "history", as_json=as_json, notes=instance.notes)


@click.command()
@click.argument("name", metavar="JOB[@TARGET]|RUN", shell_complete=target_names)
@click.option("-n", "--lines", type=click.IntRange(0), help="Print only this many lines from the end.")
@click.option("--attempt", type=A_NUMBER, metavar="N", help="The output of attempt N of the run.")
@click.option("-f", "--follow", is_flag=True, help="Continue to print until the run has ended.")
@click.option("--raw", is_flag=True, help="Do not escape control characters on a terminal.")
@as_json
@subcommand
@from_ledger
def logs(
    instance: Instance,
    name: str,
    *,
    lines: int | None,
    attempt: int | None,
    follow: bool,
    raw: bool,
    as_json: bool,
) -> None:
    """Print the output of RUN, or of the newest run of JOB. Runs of JOB without output are ignored.

    On a terminal, colors are kept and other control characters are escaped.
    """
    from scheduled import service

    document, data = service.as_printed(instance, name, lines, attempt)
    if as_json:
        print_json({**document, "output": data.decode(errors="replace")})
        return
    if note := document.get("note"):
        run_id = document["run_id"]
        more = (
            f"; `scheduled show {run_id}` shows the run"
            if run_id is not None and "scheduled show" not in note
            else ""
        )
        print_errors([f"{note}{more}"])
    if document["target"] is not None and name == document["job"]:
        print_errors(
            [f"output of {document['run_id']}; `scheduled logs {name}@TARGET` prints that of another target"]
        )
    if newer := document["newer"]:
        without = "1 newer attempt has" if newer == 1 else f"{newer} newer attempts have"
        print_errors([f"output of {document['run_id']}, attempt {document['attempt']}; {without} no output"])
    follows = follow and document["path"] is not None and not newer
    run_id, size = str(document["run_id"]), document["size"]
    print_output(chain([data], service.follow(instance, run_id, size, attempt) if follows else ()), raw=raw)


@click.command()
@click.option("--from", "first", metavar="T", help="Only slots after this instant (ISO 8601).")
@click.option("--to", "last", metavar="T", help="Only slots up to this instant (ISO 8601).")
@click.option(
    "--against",
    metavar="FILE",
    help="Also compare the attempts with this log, in which jobs write their starts and ends, one a line:"
    " INSTANT start|end JOB [RUN [ATTEMPT]] [SLOT].",
)
@as_json
@subcommand
def audit(instance: Instance, first: str | None, last: str | None, against: str | None, as_json: bool) -> int:
    """Check that every slot up to the last tick has a verdict or an open reason.

    List the slots without either, and exit with 1; also if ticks have stopped, so that nothing accounts for later slots.
    """
    from scheduled import service

    document = service.audit(instance, first, last, against)
    show(document, "audit", as_json=as_json, module="render_audit")
    return EXIT_OK if document["ok"] else EXIT_FAILED
