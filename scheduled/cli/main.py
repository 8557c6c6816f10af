"""The command line: arguments -> service, nothing else."""

import importlib

import click

import scheduled
from scheduled.cli.options import everywhere
from scheduled.cli.reply import replied
from scheduled.errors import EXIT_USAGE

CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 100}
# Where each verb is: a module of this package.
MODULES = {
    **dict.fromkeys(("run", "daily-report", "status", "check", "try", "install", "uninstall"), "ticks"),
    **dict.fromkeys(("jobs", "show", "next", "explain", "forecast"), "jobs"),
    **dict.fromkeys(("pause", "resume", "enable", "disable"), "jobs"),
    **dict.fromkeys(("skip", "rerun", "stop", "history", "logs", "audit", "state"), "runs"),
    **dict.fromkeys(("emit", "incidents", "notices", "report"), "events"),
    **dict.fromkeys(("add", "remove", "edit", "apply"), "definitions"),
    **dict.fromkeys(("web", "mcp", "dbus"), "interfaces"),
}


class Verbs(click.Group):
    """All verbs; the module of one is imported when it is asked for: a tick has no use for most."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """Name every verb, for the help."""
        return sorted(MODULES)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Refuse an unknown verb with the nearest there is."""
        if not ctx.resilient_parsing and args[0][:1] != "-" and args[0] not in MODULES:
            import difflib

            near = difflib.get_close_matches(args[0], self.list_commands(ctx), n=1)
            raise click.UsageError(
                f"No such verb: {args[0]}" + (f"; did you mean {near[0]}?" if near else "")
            )
        return super().resolve_command(ctx, args)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Return the verb, imported now; None if there is none of that name."""
        if cmd_name not in MODULES:
            return None
        found = vars(importlib.import_module(f"scheduled.cli.{MODULES[cmd_name]}"))
        # What would hide a name of Python's own bears an underscore.
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


def main() -> int:
    """Run the command line in sys.argv; return the exit code."""
    return replied(_parsed)


def _parsed() -> object:
    try:
        # Without click's own error handling an exit code is returned like any other answer.
        return cli.main(prog_name="scheduled", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return EXIT_USAGE
    except click.Abort:
        return 130
