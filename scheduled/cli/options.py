"""What the verbs of the command line have in common: their options, and where they work."""

import os
from collections.abc import Callable
from contextlib import suppress
from functools import partial, wraps
from typing import Any

import click

from scheduled.cli.reply import say
from scheduled.errors import EXIT_OK
from scheduled.instance import Instance


def _remember(context: click.Context, parameter: click.Parameter, value: str | None) -> None:
    if value is not None:
        setattr(context.ensure_object(Instance), str(parameter.name), value)


def everywhere(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command --config and --state, which may stand before or after the verb."""
    for name, what in (("config", "FILE"), ("state", "DIR")):
        command = click.option(
            f"--{name}",
            metavar=what,
            expose_value=False,
            callback=_remember,
            help={"config": "scheduled.toml to read", "state": "state directory to use"}[name],
        )(command)
    return command


def verb(command: Callable[..., int | None]) -> Callable[..., Any]:
    """Make a function a verb: the common options, the instance as its first argument, its answer as exit code."""

    @wraps(command)
    def called(**options: Any) -> None:
        context = click.get_current_context()
        instance = context.ensure_object(Instance)
        code = command(instance, **options) or EXIT_OK
        say(instance.paths.remarks)
        context.exit(code)

    return everywhere(called)


def job_names(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:  # noqa: ARG001
    """Complete the name of a job, for the shell; a configuration that can't be read completes nothing."""
    from scheduled.config.files import load_config
    from scheduled.errors import ScheduledError

    try:
        found = load_config(context.find_root().ensure_object(Instance).config_file)
    except ScheduledError:
        return []
    return [name for name in found.jobs if name.startswith(incomplete)]


def _tell_claims(context: click.Context, parameter: click.Parameter, value: int | None) -> None:  # noqa: ARG001
    if value is not None:
        context.ensure_object(Instance).claimed = partial(_tell, value)


def _tell(descriptor: int) -> None:
    with suppress(OSError):  # whoever asked may be gone
        os.write(descriptor, b"!")
        os.close(descriptor)


claimed = click.option("--claimed", type=int, hidden=True, expose_value=False, callback=_tell_claims)
# More is no answer that anybody reads, and somewhere behind it there is no number for what has no bound.
A_NUMBER = click.IntRange(1, 1_000_000)
dry_run = click.option("-n", "--dry-run", is_flag=True, help="Say what would be changed; change nothing.")
as_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")
