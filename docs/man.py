"""Generate the manual page scheduled.1 from the help texts of the command line: `python docs/man.py`."""

import inspect
import re
from collections.abc import Iterator
from pathlib import Path

import click

from scheduled.cli.main import cli

COMMON = ("help", "config", "state")  # options of all commands: described once, under OPTIONS
PAGE = Path(__file__).with_name("scheduled.1")

OPENING = r""".TH SCHEDULED 1 "" "scheduled" "User Commands"
.SH NAME
scheduled \- run cron jobs and catch up on missed ones, without a daemon
.SH SYNOPSIS
.B scheduled
.RI [ options ]
.I command
.RI [ arguments ]
.SH DESCRIPTION
The crontab calls
.BR "scheduled run" ,
which accounts for every slot of every job since the last call, runs what is due, and exits.
If there is no problem and standard output is not a terminal, it prints nothing.
.SH OPTIONS
These options may be given before or after the command.
.TP
.BI \-\-config " FILE"
Read this scheduled.toml.
.TP
.BI \-\-state " DIR"
Use this state directory.
.TP
.BR \-h ", " \-\-help
Describe the program or the command.
.TP
.B \-\-version
Print the version. Only before the command.
.SH COMMANDS
"""

CLOSING = r""".SH EXIT STATUS
.TP
.B 0
Success. A failed attempt that will be retried counts as success.
.TP
.B 1
A job failed and has no attempts left, a run for which the command waited was stopped by hand, a check found a problem, or something could not be recorded.
.TP
.B 2
Wrong usage or configuration.
.TP
.B 75
What was requested is not done yet: another process holds the lock or the run that the command needs, a chain waits for one of its steps, or the job has deferred itself.
.SH ENVIRONMENT
.TP
.BR SCHEDULED_CONFIG ", " SCHEDULED_STATE
Defaults for
.B \-\-config
and
.BR \-\-state .
.TP
.B NO_COLOR
Print no colours.
.TP
.BR VISUAL ", " EDITOR
The editor that
.B scheduled edit
starts.
.PP
A job does not get the variables of the shell in which a run was started, but those of a job of cron: HOME, LOGNAME, USER,
SHELL and PATH, the variables of /etc/environment and /etc/default/locale where the PAM configuration of cron reads
these files, those of the crontab at the block, SCHEDULED_CONFIG and SCHEDULED_STATE of the instance, and its own
.I env_file
and
.IR env .
With
.BR \-\-inherit\-env ,
.B run
.I JOB
and
.B try
give it all variables of the shell.
.SH FILES
.TP
.I $XDG_CONFIG_HOME/scheduled/scheduled.toml
The configuration. Further jobs are in
.I jobs.d/*.toml
beside it. The default of XDG_CONFIG_HOME is ~/.config.
.TP
.I $XDG_STATE_HOME/scheduled/
The ledger, the snapshot
.RI ( scheduled_state.json ),
the output of the runs and the reports. The default of XDG_STATE_HOME is ~/.local/state.
.SH SEE ALSO
.BR crontab (5),
.BR anacron (8)
"""


def page() -> str:
    """Return the manual page in roff."""
    return OPENING + "".join(_sections()) + CLOSING


def _sections() -> Iterator[str]:
    context = click.Context(cli, info_name="scheduled")
    for name, command in _commands(cli, context):
        inner = click.Context(command, info_name=name)
        usage = " ".join(command.collect_usage_pieces(inner)[1:])
        yield f".SS {name} {_roff(usage)}\n{_roff(_help(command))}\n"
        own = [param for param in command.get_params(inner) if param is not command.get_help_option(inner)]
        options = [param for param in own if isinstance(param, click.Option)]
        for record in (option.get_help_record(inner) for option in options if option.name not in COMMON):
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
