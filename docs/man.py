"""Write scheduled.1, the manual page, from the command line's own help: `python docs/man.py`."""

import inspect
import re
from collections.abc import Iterator
from pathlib import Path

import click

from scheduled.cli.main import cli

EVERYWHERE = ("help", "config", "state")  # said once, under ENVIRONMENT
PAGE = Path(__file__).with_name("scheduled.1")

OPENING = r""".TH SCHEDULED 1 "" "scheduled" "User Commands"
.SH NAME
scheduled \- cron jobs that catch up, without a daemon
.SH SYNOPSIS
.B scheduled
.RI [ options ]
.I verb
.RI [ arguments ]
.SH DESCRIPTION
The crontab calls
.BR "scheduled run" ,
which accounts for every slot of every job since the last time, runs what is due, and exits.
Where all is well, and standard output is no terminal, nothing is printed.
.SH VERBS
"""

CLOSING = r""".SH EXIT STATUS
.TP
.B 0
All is well; a failed attempt with a retry to come is still well.
.TP
.B 1
A job failed for good, or something could not be recorded.
.TP
.B 2
Usage, or the configuration, is wrong.
.TP
.B 75
Another tick holds what was asked for.
.SH ENVIRONMENT
.TP
.BR SCHEDULED_CONFIG ", " SCHEDULED_STATE
As
.B \-\-config
and
.BR \-\-state .
.TP
.B NO_COLOR
No colours, whatever the terminal.
.TP
.BR VISUAL ", " EDITOR
What
.B scheduled edit
starts.
.SH FILES
.TP
.I $XDG_CONFIG_HOME/scheduled/scheduled.toml
The configuration; more of it in
.IR jobs.d/*.toml
beside it. XDG_CONFIG_HOME is ~/.config by default.
.TP
.I $XDG_STATE_HOME/scheduled/
The ledger, the snapshot
.RI ( scheduled_state.json ),
each run's output, the reports. XDG_STATE_HOME is ~/.local/state by default.
.SH SEE ALSO
.BR crontab (5),
.BR anacron (8)
"""


def page() -> str:
    """Return the whole page."""
    return OPENING + "".join(_verbs()) + CLOSING


def _verbs() -> Iterator[str]:
    context = click.Context(cli, info_name="scheduled")
    for name, command in _commands(cli, context):
        inner = click.Context(command, info_name=name)
        usage = " ".join(command.collect_usage_pieces(inner)[1:])
        yield f".SS {name} {_roff(usage)}\n{_roff(_help(command))}\n"
        own = [param for param in command.get_params(inner) if param is not command.get_help_option(inner)]
        options = [param for param in own if isinstance(param, click.Option)]
        for record in (option.get_help_record(inner) for option in options if option.name not in EVERYWHERE):
            if record is not None:
                yield f".TP\n.B {_roff(record[0])}\n{_roff(record[1])}\n"


def _commands(
    group: click.Group, context: click.Context, before: str = ""
) -> Iterator[tuple[str, click.Command]]:
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from _commands(command, context, f"{name} ")
        else:
            yield before + name, command


def _help(command: click.Command) -> str:
    return inspect.cleandoc(command.help or "")


def _roff(text: str) -> str:
    text = re.sub(r"\s*\n\s*", " ", text.replace("\\", r"\e").replace("-", r"\-"))
    return rf"\&{text}" if text.startswith((".", "'")) else text


if __name__ == "__main__":
    PAGE.write_text(page())
