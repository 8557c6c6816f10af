"""The verbs that write definitions: arguments -> service, nothing else."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from scheduled.cli.options import as_json, door, dry_run, job_names
from scheduled.cli.reply import show
from scheduled.instance import Instance


def _given(*options: tuple[str, str, str]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Give a verb plain options: (name, metavar, help)."""

    def give(command: Callable[..., Any]) -> Callable[..., Any]:
        for name, metavar, what in reversed(options):
            option: Any = click.option(f"--{name}", metavar=metavar, help=what)
            command = option(command)
        return command

    return give


@click.command()
@click.argument("name", required=False)
@click.argument("words", metavar="[-- COMMAND...]", nargs=-1, type=click.UNPROCESSED)
@_given(
    ("cron", "EXPR", "When: five fields, or @daily and the like."),
    ("every", "INTERVAL", "When: 30m, 6h, 7d."),
    ("at", "T", "When: once, ISO 8601."),
    ("on", "EVENT", "When: as this event happens."),
    ("command", "LINE", "What: a line for /bin/sh; or the words after --, without a shell."),
    ("python", "FUNCTION", "What: module:function, or a script."),
    ("handler", "NAME", "What: a built-in or installed handler."),
    ("chain", "JOBS", "What: other jobs, one after the other (a,b,c)."),
    ("after", "JOBS", "In a slot they share, only after these (a,b)."),
    ("description", "TEXT", "For people."),
    ("timezone", "ZONE", "The schedule's, such as Europe/Berlin."),
    ("timeout", "INTERVAL", "How long it may run."),
    ("priority", "WORD", "critical, high, medium or low."),
    ("catch-up", "WORD", "latest, all or none."),
    ("grace", "INTERVAL", "How late a slot may still run."),
    ("jitter", "INTERVAL", "By how much at most its slots are put off."),
    ("not-between", "A-B", "Quiet hours, 22:00-08:00."),
    ("group", "NAME", "Jobs of one group never run at the same time."),
    ("cwd", "DIR", "Where it runs."),
    ("retry-delay", "INTERVAL", "How long to wait between attempts."),
)
@click.option("--max-attempts", type=click.IntRange(1), help="How often it is tried.")
@click.option("--env", metavar="K=V", multiple=True, help="A variable for it; may be given several times.")
@click.option("--disabled", is_flag=True, help="Write it down, but don't schedule it yet.")
@dry_run
@click.option(
    "--json", "as_json", is_flag=True, help="Read the job as one JSON object from stdin; answer in JSON."
)
@door
def add(
    instance: Instance, name: str | None, words: tuple[str, ...], dry_run: bool, as_json: bool, **options: Any
) -> None:
    """Add the job NAME, in a file of its own in jobs.d."""
    from scheduled import service
    from scheduled.config import aliases

    table = aliases.from_options({**options, "words": words})
    if as_json and not table:
        given, table = aliases.from_json(_stdin())
        name = aliases.together({"name": name}, {"name": given})["name"]
    if name is None:
        raise click.UsageError("Missing argument 'NAME'.")
    done = service.add(instance, name, table, dry_run=dry_run)
    show(done, "edited", as_json=as_json, among="render_jobs")


def _stdin() -> Any:
    import msgspec

    from scheduled.errors import ConfigError

    try:
        return msgspec.json.decode(sys.stdin.buffer.read())
    except msgspec.DecodeError as error:
        raise ConfigError(f"standard input: {error}") from None


@click.command()
@click.argument("job", shell_complete=job_names)
@dry_run
@as_json
@door
def remove(instance: Instance, job: str, dry_run: bool, as_json: bool) -> None:
    """Take JOB out of the file it stands in; a copy of the file is kept, and so is what the ledger knows."""
    from scheduled import service

    done = service.remove(instance, job, dry_run=dry_run)
    show(done, "edited", as_json=as_json, among="render_jobs")


@click.command("apply")
@click.argument("file", type=click.Path(path_type=Path))
@dry_run
@as_json
@door
def apply_(instance: Instance, file: Path, dry_run: bool, as_json: bool) -> None:
    """Make FILE, a TOML file of jobs, the one of its name in jobs.d; does nothing if it is already."""
    from scheduled import service

    done = service.apply(instance, file, dry_run=dry_run)
    show(done, "edited", as_json=as_json, among="render_jobs")


@click.command()
@click.argument("job", required=False, shell_complete=job_names)
@dry_run
@as_json
@door
def edit(instance: Instance, job: str | None, dry_run: bool, as_json: bool) -> None:
    """Edit the file of JOB, or scheduled.toml, with $VISUAL or $EDITOR; it is checked before it is kept."""
    from scheduled.cli import editor
    from scheduled.config import edit as editing
    from scheduled.errors import ConfigError

    path = instance.config_file if job is None else editing.file_of(instance.config_file, job)
    draft, before = editor.draft_of(instance.paths, path)
    while True:
        change = editing.Edit(path, before, editor.open_editor(draft, before))
        try:
            done = editing.keep(instance.config_file, instance.paths, change, dry_run=dry_run)
        except ConfigError as error:
            click.echo(f"scheduled: {error}", err=True)
            if sys.stdin.isatty() and click.confirm("edit it again?", default=True, err=True):
                continue
            raise ConfigError(f"not kept; your draft is {draft}") from None
        draft.unlink()
        show(done, "edited", as_json=as_json, among="render_jobs")
        return
