"""The commands that change job definitions: `add`, `remove`, `apply` and `edit`."""

import sys
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import click

from scheduled.cli.options import as_json, dry_run, job_names, subcommand
from scheduled.cli.reply import show
from scheduled.errors import ConfigError
from scheduled.instance import Instance


def _text_options(*options: tuple[str, str, str]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return a decorator that adds text options, given as (name, metavar, help), to a command."""

    def add_options(command: Callable[..., Any]) -> Callable[..., Any]:
        for name, metavar, text in reversed(options):
            option: Any = click.option(f"--{name}", metavar=metavar, help=text)
            command = option(command)
        return command

    return add_options


class _WithKinds(click.Command):
    """A command with an option for each kind of schedule and action. The kinds are imported on first use."""

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """Return all parameters: options of schedules before `--on`, options of actions after it."""
        params = super().get_params(ctx)
        place = next(number for number, param in enumerate(params) if param.name == "on")
        return [
            *params[:place],
            *_options_of_schedules(),
            params[place],
            *_options_of_actions(),
            *params[place + 1 :],
        ]


@cache
def _options_of_schedules() -> list[click.Parameter]:
    from scheduled.schedules.kinds.reading import choosing_keys
    from scheduled.schedules.kinds.registry import KINDS

    return [
        click.Option(
            [f"--{name.replace('_', '-')}"],
            metavar=KINDS[name].METAVAR,
            help=KINDS[name].HELP,
            multiple=KINDS[name].SEVERAL,
        )
        for name in choosing_keys()
    ]


@cache
def _options_of_actions() -> list[click.Parameter]:
    from scheduled.actions.registry import KINDS

    return [click.Option([f"--{name}"], metavar=kind.METAVAR, help=kind.HELP) for name, kind in KINDS.items()]


@click.command(cls=_WithKinds)
@click.argument("name", required=False)
@click.argument("words", metavar="[-- COMMAND...]", nargs=-1, type=click.UNPROCESSED)
@_text_options(
    ("from", "end", "Count the interval of --every from the end of the last run."),
    ("on", "EVENT", "Schedule: each time this event is published."),
    ("after", "JOBS", "If these jobs are due at the same time, run after them (a,b)."),
    (
        "for-each",
        "TARGETS",
        "One run for each of these targets (a,b), or of all `branches` of the workspace.",
    ),
    ("description", "TEXT", "A description, for display."),
    ("timezone", "ZONE", "Time zone of the schedule, such as Europe/Berlin."),
    ("timeout", "DURATION", "Longest duration of an attempt."),
    ("kill-after", "DURATION", "Time from TERM to KILL when a run has to end; 0: KILL at once."),
    ("priority", "WORD", "critical, high, medium or low."),
    ("catch-up", "WORD", "Which missed slots run: latest, all or none."),
    ("overlap", "WORD", "What happens if a slot comes due during a run: wait, queue, replace or skip."),
    ("grace", "DURATION", "Skip a slot that is later than this."),
    ("jitter", "DURATION", "Largest delay of the slots; the delay is computed from the job's name."),
    ("between", "A-B", "The window of --once-per, such as 09:00-17:00."),
    ("start-delay", "DURATION", "Start what was due before a boot this long after it."),
    ("not-between", "A-B", "Quiet hours, such as 22:00-08:00."),
    ("group", "NAME", "Jobs of one group never run at the same time."),
    ("cwd", "DIR", "Working directory of the command."),
    ("shell", "WORDS", "What executes a line instead of /bin/sh, such as 'bash -eu'."),
    ("stdin", "TEXT", "What the command reads from its standard input."),
    ("pre", "LINE", "A command before that of the job; if it fails, the run fails."),
    ("post", "LINE", "A command after that of the job, however it ended."),
    ("notify", "NAMES", "Who gets notices about its incidents: channels and addresses (ops,@flow)."),
    ("retry-delay", "DURATION", "Delay before the second attempt."),
)
@click.option("--max-attempts", type=click.IntRange(1), help="Largest number of attempts.")
@click.option(
    "--env", metavar="K=V", multiple=True, help="An environment variable; may be given several times."
)
@click.option("--disabled", is_flag=True, help="Add the job without scheduling it.")
@dry_run
@click.option(
    "--json",
    "as_json",
    is_flag=True,
    help="Read the job as one JSON object from stdin; print the result as JSON.",
)
@subcommand
def add(
    instance: Instance, name: str | None, words: tuple[str, ...], dry_run: bool, as_json: bool, **options: Any
) -> None:
    """Add the job NAME, in a new file in jobs.d."""
    from scheduled import service
    from scheduled.config import aliases

    table = _from_options({**options, "words": words})
    if as_json and not table:
        name_in_json, table = aliases.from_json(_stdin())
        name = aliases.together({"name": name}, {"name": name_in_json})["name"]
    if name is None:
        raise click.UsageError("Missing argument 'NAME'.")
    done = service.add(instance, name, table, dry_run=dry_run)
    show(done, "edited", as_json=as_json, module="render_changes")


def _lists(table: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return the entries of *table* that are lists in a job table, and texts on the command line."""
    names = [key for key in ("after", "for_each", "notify") if table.get(key) not in (None, "branches", "*")]
    times = [key for key in ("between", "not_between") if key in table]
    return {
        **{key: [name.strip() for name in str(table[key]).split(",")] for key in names},
        **{key: str(table[key]).split("-") for key in times},
    }


def _from_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the table of a job from the options of `add`, without the options that were not given."""
    from scheduled.actions.registry import KINDS
    from scheduled.config.aliases import in_order

    for key, value in options.items():
        if key != "words" and (value == "" or (isinstance(value, tuple) and "" in value)):
            raise ConfigError(f"--{key.replace('_', '-')}: is empty; give a value, or leave the option out")
    given = {key: value for key, value in options.items() if value not in (None, (), False)}
    table: dict[str, Any] = {
        key: _one_or_list(value)
        for key, value in given.items()
        if key not in ("env", "words", "max_attempts", "retry_delay", "disabled")
    }
    for key in KINDS.keys() & table.keys():
        table[key] = KINDS[key].from_text(table[key], None)
    table |= _lists(table)
    if "words" in given:
        if "command" in given:
            raise ConfigError("--command and -- COMMAND...: give only one of them")
        table["command"] = list(given["words"])
    if "env" in given:
        table["env"] = dict(_pair(text) for text in given["env"])
    if given.get("disabled"):
        table["enabled"] = False
    retry = {"max_attempts": given.get("max_attempts"), "delay": given.get("retry_delay")}
    if any(retry.values()):
        table["retry"] = {key: value for key, value in retry.items() if value}
    return in_order(table)


def _one_or_list(value: Any) -> Any:
    """Return the *value* of an option; of one that may be given several times, the only value or the list."""
    if not isinstance(value, tuple):
        return value
    return value[0] if len(value) == 1 else list(value)


def _pair(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not key or not equals:
        raise ConfigError(f"--env: write NAME=value, got {text!r}")
    return key, value


def _stdin() -> Any:
    from scheduled.config.json_values import decoded

    data = sys.stdin.buffer.read()
    if not data.strip():
        raise ConfigError(
            'standard input: is empty; write one JSON object, for example {"name": "backup", "every": "1d", "command": "make backup"}'
        )
    try:
        return decoded(data)
    except ConfigError as error:
        raise ConfigError(f"standard input: {error}") from None


@click.command()
@click.argument("job", shell_complete=job_names)
@dry_run
@as_json
@subcommand
def remove(instance: Instance, job: str, dry_run: bool, as_json: bool) -> None:
    """Remove JOB from its file. A copy of the file and the records of its runs are kept."""
    from scheduled import service

    done = service.remove(instance, job, dry_run=dry_run)
    show(done, "edited", as_json=as_json, module="render_changes")


@click.command("apply")
@click.argument("file", type=click.Path(path_type=Path))
@dry_run
@as_json
@subcommand
def apply_(instance: Instance, file: Path, dry_run: bool, as_json: bool) -> None:
    """Copy FILE, a TOML file of jobs, to jobs.d. It replaces a file of the same name if it differs."""
    from scheduled import service

    done = service.apply(instance, file, dry_run=dry_run)
    show(done, "edited", as_json=as_json, module="render_changes")


@click.command()
@click.argument("job", required=False, shell_complete=job_names)
@dry_run
@as_json
@subcommand
def edit(instance: Instance, job: str | None, dry_run: bool, as_json: bool) -> None:
    """Edit the file of JOB, or scheduled.toml, in your editor.

    The editor is $VISUAL or $EDITOR. The file is checked before it is saved.
    """
    from scheduled.cli.editor import edit_file

    done = edit_file(instance, job, dry_run=dry_run)
    show(done, "edited", as_json=as_json, module="render_changes")
