"""How the program answers whoever called it: documents, troubles and exit codes.

Nothing of click is in here: the crontab's own line is answered too, and has no use for a parser.
"""

import errno
import os
import sys
from collections.abc import Callable, Iterable
from io import TextIOWrapper
from typing import Any

from scheduled.errors import EXIT_FAILED, EXIT_OK, EXIT_USAGE, ScheduledError
from scheduled.printable import printable

FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO})  # of a write, which names no file
# What a user's file system, and no fault of the program, makes of a file that is read or written.
ENVIRONMENT = frozenset(
    {
        errno.EACCES, errno.EPERM, errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.ENOTDIR, errno.EISDIR,
        errno.ELOOP, errno.ENAMETOOLONG, errno.ESTALE,
    }
)  # fmt: skip


def replied(ask: Callable[[], object]) -> int:
    """Do what was asked for; return the exit code. A user's mistake gets one line, no traceback."""
    _fill_in_streams()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # under a C locale not every name can be printed
    try:
        code = ask()
    except ScheduledError as error:
        say([str(error)])
        return error.exit_code
    except UnicodeEncodeError as error:
        say([f"{error.object!a}: not UTF-8"])
        return EXIT_USAGE
    except BrokenPipeError:
        return EXIT_FAILED
    except OSError as error:
        if (reason := _reason(error)) is None:
            raise
        say([reason])
        return EXIT_FAILED
    except KeyboardInterrupt:
        return 130
    return code if isinstance(code, int) else EXIT_OK


def _reason(error: OSError) -> str | None:
    """Return in words what a user's file system kept from being read or written; None for a fault of the program."""
    if isinstance(error.filename, (str, bytes)) and error.errno in ENVIRONMENT:
        return f"{os.fsdecode(error.filename)}: {error.strerror}"
    if _stdout_fails():
        return f"stdout: {error.strerror}"
    return error.strerror if error.errno in FULL else None


def _stdout_fails() -> bool:
    """Tell whether nothing can be printed; if that is not what was wrong, one line's end does no harm."""
    try:
        sys.stdout.write("\n")
        sys.stdout.flush()
    except OSError:
        return True
    return False


def _fill_in_streams() -> None:
    """Where a standard stream is closed, the next file opened would take its place, and be printed into."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free: this one
            setattr(sys, name, open(number, "w" if number else "r", closefd=False))  # noqa: SIM115 - for good


def print_json(document: Any) -> None:
    """Print the one document that --json promises."""
    import msgspec

    text = msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n"
    sys.stdout.flush()
    # JSON is UTF-8 whatever the locale says.
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.buffer.write(text)
    else:
        sys.stdout.write(text.decode())
    sys.stdout.flush()


def show(document: Any, room: str, *, as_json: bool, among: str = "render") -> None:
    """Print *document*, as JSON or as the function *room* of the module *among* shows it."""
    if as_json:
        print_json(document)
    else:
        import importlib

        getattr(importlib.import_module(f"scheduled.cli.{among}"), room)(document)


def say(troubles: Iterable[str]) -> bool:
    """Tell what is wrong, a line each; return whether there was anything."""
    told = False
    for trouble in troubles:
        sys.stderr.write(f"scheduled: {printable(trouble)}\n")
        sys.stderr.flush()
        told = True
    return told


def make_tick(ask: Callable[[Any], dict[str, Any]], *, verbose: bool = False, as_json: bool = False) -> int:
    """Make a tick and show it: on a terminal as it goes, else only the troubles, so that cron mails nothing else.

    *ask* is given who hears of events as they happen, or None.
    """
    talkative = sys.stdout.isatty() or verbose
    progress = None
    if talkative and not as_json:
        from scheduled.cli import render

        progress = render.progress
    document = ask(progress)
    if talkative or as_json:
        show(document, "tick", as_json=as_json)
    say([f"{name}: another tick is running it" for name in document["busy"]])
    say(document["troubles"])
    return int(document["exit_code"])
