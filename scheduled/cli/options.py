"""The options that several commands share."""

import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial, wraps
from typing import TYPE_CHECKING, Any

import click

from scheduled import advice
from scheduled.cli.reply import messages_as_json, print_errors, print_log
from scheduled.errors import EXIT_FAILED, EXIT_OK, EXIT_USAGE
from scheduled.instance import Instance

if TYPE_CHECKING:
    from scheduled.config.config import Config


def _set_on_instance(context: click.Context, parameter: click.Parameter, value: str | None) -> None:
    if value is not None:
        setattr(context.ensure_object(Instance), str(parameter.name), value)


def _print_log(context: click.Context, _parameter: click.Parameter, value: bool) -> None:
    if value:
        context.ensure_object(Instance).log_to = print_log
        messages_as_json()


def common_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add --config and --state to a command or group, so that they may be given before or after the command's name."""
    for name, metavar, text in (
        ("config", "FILE", "Configuration file (scheduled.toml)."),
        ("state", "DIR", "State directory."),
    ):
        command = click.option(
            f"--{name}", metavar=metavar, expose_value=False, callback=_set_on_instance, help=text
        )(command)
    return command


def subcommand(command: Callable[..., int | None]) -> Callable[..., Any]:
    """Add the common options to a function, pass it the instance first, and use its return value as exit code."""

    @wraps(command)
    def called(**options: Any) -> None:
        context = click.get_current_context()
        instance = context.ensure_object(Instance)
        advice.use(instance.config_file, instance.paths.root)
        code = command(instance, **options) or EXIT_OK
        lost = [instance.paths.lost] if instance.paths.lost else []
        print_errors([*lost, *instance.paths.remarks])
        context.exit(code or (EXIT_FAILED if lost else EXIT_OK))

    return common_options(called)


def from_ledger(command: Callable[..., int | None]) -> Callable[..., int]:
    """Let a command that only reads the ledger answer also if the configuration cannot be read.

    It then prints the error on stderr, and its exit code is 2.
    """

    @wraps(command)
    def called(instance: Instance, **options: Any) -> int:
        instance.without_config = True
        code = command(instance, **options) or EXIT_OK
        return print_config_error(instance) or code

    return called


def print_config_error(instance: Instance) -> int:
    """Print the error of a configuration that could not be read, and return 2; return 0 if there is none."""
    if not instance.config_error:
        return EXIT_OK
    print_errors(
        [f"{instance.config_error}; the answer is from the ledger, and nothing runs until this is corrected"]
    )
    return EXIT_USAGE


def job_names(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:  # noqa: ARG001
    """Return the jobs that begin with *incomplete*, for shell completion; none if the configuration cannot be read."""
    found = _config(context)
    return [] if found is None else [name for name in found.jobs if name.startswith(incomplete)]


def target_names(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:  # noqa: ARG001
    """Return what `job_names` returns and, after the name of a job with targets, its targets as JOB@TARGET."""
    from scheduled.config.named import completions

    found = _config(context)
    return [] if found is None else completions(found, incomplete)


def _config(context: click.Context) -> "Config | None":
    from scheduled.errors import ScheduledError
    from scheduled.queries.last_known import config_of

    try:
        return config_of(context.find_root().ensure_object(Instance))
    except ScheduledError:
        return None


def _report_claims(context: click.Context, parameter: click.Parameter, value: str | None) -> None:  # noqa: ARG001
    if value is not None:
        context.ensure_object(Instance).claimed = partial(_write_claim, value)


def _write_claim(target: str, run_ids: Sequence[str]) -> None:
    """Write the ids of the claimed runs as one line to a pipe: a descriptor or a path. A run id has no spaces."""
    with suppress(OSError):  # its reader may have ended: to open the pipe then fails, or would block
        descriptor = int(target) if target.isdecimal() else os.open(target, os.O_WRONLY | os.O_NONBLOCK)
        with open(descriptor, "w", encoding="utf-8") as pipe:
            pipe.write(" ".join(run_ids) + "\n")


claimed = click.option("--claimed", hidden=True, expose_value=False, callback=_report_claims)
# The upper bound keeps the number within SQLite's integers.
A_NUMBER = click.IntRange(1, 1_000_000)
dry_run = click.option("-n", "--dry-run", is_flag=True, help="Show what would change; change nothing.")
verbose = click.option(
    "-v", "--verbose", is_flag=True, help="Print progress even if stdout is not a terminal."
)
log_json = click.option(
    "--log-json",
    is_flag=True,
    expose_value=False,
    callback=_print_log,
    help="Print the log and all messages on stderr, each as a line of JSON.",
)
inherit_env = click.option(
    "--inherit-env",
    is_flag=True,
    help="Give the jobs all variables of your shell, not only those that cron gives them.",
)
as_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")
