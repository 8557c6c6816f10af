"""The `scheduled` command with its subcommands."""

import importlib

import click

import scheduled
from scheduled.cli.options import common_options
from scheduled.cli.reply import exit_code_of, print_lines
from scheduled.errors import EXIT_USAGE

CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 100}
# The module of this package that defines each command.
MODULES = {
    **dict.fromkeys(("run", "daily-report", "status", "check", "try", "install", "uninstall"), "ticks"),
    **dict.fromkeys(("jobs", "show", "next", "explain", "forecast", "env"), "jobs"),
    **dict.fromkeys(("pause", "resume", "enable", "disable"), "jobs"),
    **dict.fromkeys(("skip", "rerun", "stop", "history", "logs", "audit"), "runs"),
    **dict.fromkeys(("approve", "deny"), "approvals"),
    "state": "state",
    **dict.fromkeys(("emit", "incidents", "notices", "report"), "events"),
    **dict.fromkeys(("ack", "mute", "unmute"), "muting"),
    **dict.fromkeys(("add", "remove", "edit", "apply"), "definitions"),
    **dict.fromkeys(("web", "mcp", "dbus"), "interfaces"),
    **dict.fromkeys(("metrics", "log"), "monitoring"),
    "notify": "notices",
}


class Commands(click.Group):
    """All commands. The module of a command is imported on first use, which keeps ticks fast."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """Return the names of all commands, sorted."""
        return sorted(MODULES)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Resolve a command. Raise UsageError with the nearest name if there is no such command."""
        if not ctx.resilient_parsing and args[0][:1] != "-" and args[0] not in MODULES:
            import difflib

            near = difflib.get_close_matches(args[0], self.list_commands(ctx), n=1)
            raise click.UsageError(
                f"No such command: {args[0]}" + (f"; did you mean {near[0]}?" if near else "")
            )
        return super().resolve_command(ctx, args)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import and return a command; None if there is no such command."""
        if cmd_name not in MODULES:
            return None
        found = vars(importlib.import_module(f"scheduled.cli.{MODULES[cmd_name]}"))
        # A function ends with an underscore if its name is also a name of Python or of its module.
        command: click.Command = found.get(f"{cmd_name}_") or found[cmd_name.replace("-", "_")]
        return command


@click.group(cls=Commands, context_settings=CONTEXT, no_args_is_help=True)
@click.version_option(scheduled.__version__, prog_name="scheduled")
@common_options
def cli() -> None:
    """Run cron jobs and catch up on missed runs. cron starts the program; it does not stay resident.

    Exit codes: 0 success; 1 a job failed for good, a check found a problem, or something could not be recorded;
    2 the usage or the configuration is not valid; 75 it is not done yet: another process, or the job itself, defers it.
    """


def main() -> int:
    """Run the command line in sys.argv; return the exit code."""
    return exit_code_of(_invoke)


def _print_usage_error(error: click.ClickException) -> None:
    """Print an error of click, which contains words of the command line."""
    import io

    text = io.StringIO()
    error.show(text)
    print_lines(text.getvalue(), err=True)


def _invoke() -> object:
    try:
        # In standalone mode click would call sys.exit itself.
        return cli.main(prog_name="scheduled", standalone_mode=False)
    except click.ClickException as error:
        _print_usage_error(error)
        return EXIT_USAGE
    except click.Abort:
        return 130
