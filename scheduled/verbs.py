"""What the verbs of the command line have in common: where they work, and how they answer."""

import sys
from collections.abc import Callable, Iterable
from functools import wraps
from pathlib import Path
from typing import Any

import click

from scheduled.errors import EXIT_OK
from scheduled.state.paths import Paths, config_path, state_path


class Where:
    """Which configuration and which state a command works on."""

    def __init__(self) -> None:
        self.config: str | None = None
        self.state: str | None = None

    @property
    def config_file(self) -> Path:
        """The absolute path of scheduled.toml."""
        return config_path(self.config)

    @property
    def paths(self) -> Paths:
        """The places in the state directory."""
        return Paths(state_path(self.state))

    def house(self) -> Any:
        """Open everything; raises ConfigError."""
        from scheduled.house import House

        return House(self.config_file, self.paths.root)


def _remember(context: click.Context, parameter: click.Parameter, value: str | None) -> None:
    if value is not None:
        setattr(context.ensure_object(Where), str(parameter.name), value)


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


def door(command: Callable[..., int | None]) -> Callable[..., Any]:
    """Make a function a verb: the common options, `where` as its first argument, its answer as exit code."""

    @wraps(command)
    def verb(**options: Any) -> None:
        context = click.get_current_context()
        context.exit(command(context.ensure_object(Where), **options) or EXIT_OK)

    return everywhere(verb)


dry_run = click.option("-n", "--dry-run", is_flag=True, help="Say what would be changed; change nothing.")
as_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")


def print_json(document: Any) -> None:
    """Print the one document that --json promises."""
    import msgspec

    click.echo(msgspec.json.format(msgspec.json.encode(document), indent=2))


def show(document: Any, room: str, *, as_json: bool, among: str = "render") -> None:
    """Print *document*, as JSON or as the function *room* of the module *among* shows it."""
    if as_json:
        print_json(document)
    else:
        import importlib

        getattr(importlib.import_module(f"scheduled.{among}"), room)(document)


def say(troubles: Iterable[str]) -> bool:
    """Tell what is wrong, a line each; return whether there was anything."""
    told = False
    for trouble in troubles:
        click.echo(f"scheduled: {trouble}", err=True)
        told = True
    return told


def make_tick(house: Any, work: Callable[[], Any], *, verbose: bool, as_json: bool) -> int:
    """Make a tick and show it: on a terminal as it goes, else only the troubles, so that cron mails nothing else."""
    from scheduled import service

    talkative = sys.stdout.isatty() or verbose
    if talkative and not as_json:
        from scheduled import render

        house.bus.subscribe(render.progress)
    done = work()
    if talkative or as_json:
        show(service.result(house, done), "tick", as_json=as_json)
    say([f"{name}: another tick is running it" for name in done.busy])
    say(done.troubles)
    return int(done.exit_code)
