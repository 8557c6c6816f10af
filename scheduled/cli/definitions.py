"""The verbs that write definitions: arguments -> service, nothing else."""

import sys
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import click

from scheduled.cli.options import as_json, dry_run, job_names, verb
from scheduled.cli.reply import show
from scheduled.errors import ConfigError
from scheduled.instance import Instance


def _given(*options: tuple[str, str, str]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Give a verb plain options: (name, metavar, help)."""

    def give(command: Callable[..., Any]) -> Callable[..., Any]:
        for name, metavar, what in reversed(options):
            option: Any = click.option(f"--{name}", metavar=metavar, help=what)
            command = option(command)
        return command

    return give


class _WithKinds(click.Command):
    """A verb with an option for each kind of schedule and action; the kinds are imported when its options are asked for."""

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """Return the parameters, the kinds' options around `--on`."""
        given = super().get_params(ctx)
        place = next(number for number, found in enumerate(given) if found.name == "on")
        return [
            *given[:place],
            *_options_of_schedules(),
            given[place],
            *_options_of_actions(),
            *given[place + 1 :],
        ]


@cache
def _options_of_schedules() -> list[click.Parameter]:
    from scheduled.schedules.kinds.reading import choosing_keys
    from scheduled.schedules.kinds.registry import KINDS

    return [
        click.Option([f"--{name}"], metavar=KINDS[name].METAVAR, help=KINDS[name].HELP)
        for name in choosing_keys()
    ]


@cache
def _options_of_actions() -> list[click.Parameter]:
    from scheduled.actions.registry import KINDS

    return [click.Option([f"--{name}"], metavar=kind.METAVAR, help=kind.HELP) for name, kind in KINDS.items()]


@click.command(cls=_WithKinds)
@click.argument("name", required=False)
@click.argument("words", metavar="[-- COMMAND...]", nargs=-1, type=click.UNPROCESSED)
@_given(
    ("on", "EVENT", "When: as this event happens."),
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
@verb
def add(
    instance: Instance, name: str | None, words: tuple[str, ...], dry_run: bool, as_json: bool, **options: Any
) -> None:
    """Add the job NAME, in a file of its own in jobs.d."""
    from scheduled import service
    from scheduled.config import aliases

    table = _from_options({**options, "words": words})
    if as_json and not table:
        given, table = aliases.from_json(_stdin())
        name = aliases.together({"name": name}, {"name": given})["name"]
    if name is None:
        raise click.UsageError("Missing argument 'NAME'.")
    done = service.add(instance, name, table, dry_run=dry_run)
    show(done, "edited", as_json=as_json, among="render_jobs")


def _from_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return a job's table from the options of `add`; what was not given is left out."""
    from scheduled.actions.registry import KINDS
    from scheduled.config.aliases import in_order

    given = {key: value for key, value in options.items() if value not in (None, (), "", False)}
    table: dict[str, Any] = {
        key: value
        for key, value in given.items()
        if key not in ("env", "words", "max_attempts", "retry_delay", "disabled")
    }
    for key in KINDS.keys() & table.keys():
        table[key] = KINDS[key].from_text(table[key], None)
    if "after" in table:
        table["after"] = [name.strip() for name in str(table["after"]).split(",")]
    if "not_between" in table:
        table["not_between"] = str(table["not_between"]).split("-")
    if "words" in given:
        if "command" in given:
            raise ConfigError("--command and -- COMMAND...: only one may be given")
        table["command"] = list(given["words"])
    if "env" in given:
        table["env"] = dict(_pair(text) for text in given["env"])
    if given.get("disabled"):
        table["enabled"] = False
    retry = {"max_attempts": given.get("max_attempts"), "delay": given.get("retry_delay")}
    if any(retry.values()):
        table["retry"] = {key: value for key, value in retry.items() if value}
    return in_order(table)


def _pair(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not key or not equals:
        raise ConfigError(f"--env: write NAME=value, got {text!r}")
    return key, value


def _stdin() -> Any:
    import msgspec

    try:
        return msgspec.json.decode(sys.stdin.buffer.read())
    except msgspec.DecodeError as error:
        raise ConfigError(f"standard input: {error}") from None


@click.command()
@click.argument("job", shell_complete=job_names)
@dry_run
@as_json
@verb
def remove(instance: Instance, job: str, dry_run: bool, as_json: bool) -> None:
    """Take JOB out of the file it stands in; a copy of the file is kept, and so is what the ledger knows."""
    from scheduled import service

    done = service.remove(instance, job, dry_run=dry_run)
    show(done, "edited", as_json=as_json, among="render_jobs")


@click.command("apply")
@click.argument("file", type=click.Path(path_type=Path))
@dry_run
@as_json
@verb
def apply_(instance: Instance, file: Path, dry_run: bool, as_json: bool) -> None:
    """Make FILE, a TOML file of jobs, the one of its name in jobs.d; does nothing if it is already."""
    from scheduled import service

    done = service.apply(instance, file, dry_run=dry_run)
    show(done, "edited", as_json=as_json, among="render_jobs")


@click.command()
@click.argument("job", required=False, shell_complete=job_names)
@dry_run
@as_json
@verb
def edit(instance: Instance, job: str | None, dry_run: bool, as_json: bool) -> None:
    """Edit the file of JOB, or scheduled.toml, with $VISUAL or $EDITOR; it is checked before it is kept."""
    from scheduled.cli.editor import edit_file

    done = edit_file(instance, job, dry_run=dry_run)
    show(done, "edited", as_json=as_json, among="render_jobs")
