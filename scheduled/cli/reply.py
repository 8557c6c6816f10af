"""Output and exit codes of the program: documents on stdout, errors on stderr.

All text that a command prints passes one of the functions here, which escape control characters: texts come from the
configuration, from other users' files and from programs, and a terminal would obey what they contain.

The module does not import click, because the crontab's `scheduled run` needs it without a parser.
"""

import errno
import os
import sys
from collections.abc import Callable, Iterable, Mapping
from io import TextIOWrapper
from typing import Any

from scheduled.advice import complete, complete_in
from scheduled.errors import EXIT_FAILED, EXIT_OK, EXIT_USAGE, ScheduledError
from scheduled.instance import Instance
from scheduled.printable import printable, printable_in, printable_json, printable_lines

FULL = frozenset(
    {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO}
)  # errors of a write, which name no file
BLOCKS = frozenset({"diff"})  # keys of documents with a text of several lines
# Errors that the user's file system causes, in contrast to bugs of the program.
ENVIRONMENT = frozenset(
    {
        errno.EACCES, errno.EPERM, errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.ENOTDIR, errno.EISDIR,
        errno.ELOOP, errno.ENAMETOOLONG, errno.ESTALE,
    }
)  # fmt: skip


class _Form:
    """The form of the messages on stderr in this process: with `--log-json`, lines of JSON."""

    as_json = False


_FORM = _Form()


def messages_as_json() -> None:
    """Print the messages of this command as lines of JSON from now on."""
    _FORM.as_json = True


def exit_code_of(command: Callable[[], object]) -> int:
    """Call *command* and return the exit code: the int that it returns, or 0, or the code of the error it raises.

    Expected errors are printed in one line, without a traceback. Other exceptions propagate.
    """
    _FORM.as_json = False
    _replace_closed_streams()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a C locale cannot encode every name
    try:
        code = command()
    except ScheduledError as error:
        print_errors([] if error.known else [str(error)])
        return error.exit_code
    except UnicodeEncodeError as error:
        print_errors([f"{error.object!a}: not UTF-8"])
        return EXIT_USAGE
    except BrokenPipeError:
        return EXIT_FAILED
    except OSError as error:
        if (reason := _reason(error)) is None:
            raise
        print_errors([reason])
        return EXIT_FAILED
    except KeyboardInterrupt:
        return 130
    return code if isinstance(code, int) else EXIT_OK


def _reason(error: OSError) -> str | None:
    """Return the message for an error of the user's file system; None for a bug of the program."""
    if isinstance(error.filename, (str, bytes)) and error.errno in ENVIRONMENT:
        return f"{os.fsdecode(error.filename)}: {error.strerror}"
    if _stdout_fails():
        return f"stdout: {error.strerror}"
    return error.strerror if error.errno in FULL else None


def _stdout_fails() -> bool:
    """Return whether stdout cannot be written. The newline that this test may print does no harm."""
    try:
        sys.stdout.write("\n")
        sys.stdout.flush()
    except OSError:
        return True
    return False


def _replace_closed_streams() -> None:
    """Open /dev/null for closed standard streams; otherwise output would go into the next file that is opened."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            os.open(os.devnull, os.O_RDWR)  # gets the lowest free descriptor, which is *number*
            setattr(sys, name, open(number, "w" if number else "r", closefd=False))  # noqa: SIM115 - never closed


def print_json(document: Any) -> None:
    """Print *document* as JSON on stdout."""
    import msgspec

    text = (
        printable_json(msgspec.json.format(msgspec.json.encode(document), indent=2).decode()).encode() + b"\n"
    )
    sys.stdout.flush()
    # JSON is UTF-8, independent of the locale.
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.buffer.write(text)
    else:
        sys.stdout.write(text.decode())
    sys.stdout.flush()


def show(document: Any, renderer: str, *, as_json: bool, module: str = "render", **options: Any) -> None:
    """Print *document* as JSON, or with the function *renderer* of a module of this package, which gets *options*."""
    plain = _is_plain(document)
    document = document if plain else complete_in(document)
    if as_json:
        print_json(document)
    else:
        import importlib

        function = getattr(importlib.import_module(f"scheduled.cli.{module}"), renderer)
        function(
            document if plain else printable_in(document, BLOCKS),
            **{name: printable_in(value) for name, value in options.items()},
        )


def _is_plain(document: Any) -> bool:
    """Return whether no text in *document* is changed: none names a command or has a character that is escaped.

    Looking for them in the JSON text takes a small part of the time that `complete_in` and `printable_in` take.
    """
    import msgspec

    try:
        text = msgspec.json.encode(document).decode()
    except UnicodeEncodeError:  # the name of a file that is not UTF-8
        return False
    escapes = text.replace(r"\"", "")  # those of the encoder, apart from quotation marks
    return "scheduled " not in text and "\\" not in escapes and text.isprintable()


def print_line(text: str, *, err: bool = False) -> None:
    """Print *text* as one line on stdout, or with *err* on stderr."""
    _write(f"{printable(text)}\n", err=err)


def print_lines(text: str, *, err: bool = False) -> None:
    """Print *text*, which may have several lines, on stdout, or with *err* on stderr."""
    _write(printable_lines(text), err=err)


def _write(text: str, *, err: bool) -> None:
    stream = sys.stderr if err else sys.stdout
    stream.write(text)
    stream.flush()


def print_output(pieces: Iterable[bytes], *, raw: bool = False) -> None:
    """Print the output of a job: as it is with *raw* or if stdout is no terminal; otherwise without control characters."""
    if not raw and sys.stdout.isatty():
        from scheduled.cli.job_output import for_terminal

        for text in for_terminal(pieces):
            _write(text, err=False)
        return
    sys.stdout.flush()
    for piece in pieces:
        sys.stdout.buffer.write(piece)
        sys.stdout.buffer.flush()


def print_log(lines: bytes) -> None:
    """Print *lines* of JSON, which are escaped, on stderr."""
    _write(lines.decode(), err=True)


def print_errors(messages: Iterable[str], level: str = "ERROR") -> bool:
    """Print each message as a line on stderr; return whether there was one. *level* is for lines of JSON."""
    printed = False
    for message in messages:
        if _FORM.as_json:
            from scheduled.cli import log_lines

            print_log(log_lines.of_message(level, complete(message)))
        else:
            print_line(f"scheduled: {complete(message)}", err=True)
        printed = True
    return printed


def run_tick(
    instance: Instance,
    tick: Callable[[Any], dict[str, Any]],
    *,
    verbose: bool = False,
    as_json: bool = False,
) -> int:
    """Run a tick of *instance*, print its result and return its exit code.

    *tick* is called with the subscriber that prints progress, or None. Without a terminal and without *verbose* only
    problems are printed, on stderr, because cron mails all output.
    """
    verbose = verbose or sys.stdout.isatty()
    progress = None
    if verbose and not as_json:
        from scheduled.cli import render

        progress = render.progress
    instance.prints = True
    document = tick(progress)
    if verbose or as_json:
        show(document, "tick", as_json=as_json)
    print_errors(
        [f"{name}: it, or another job of its group, is already running" for name in document["busy"]]
    )
    _print_announced(document)
    instance.printed()
    return int(document["exit_code"])


def _print_announced(document: Mapping[str, Any]) -> None:
    """Print the problems and the recoveries, each with the output that belongs to it, then the other outputs."""
    outputs, answers = list(document["outputs"]), document.get("answers", {})
    for text in (*document["problems"], *document["recoveries"]):
        shown = f"{text}; or open {answers[text]}" if text in answers else text
        print_errors([shown], level="INFO" if text in document["recoveries"] else "ERROR")
        belonging = [one for one in outputs if one["text"] == text]
        for output in belonging:
            _print_quoted(output, f"  {output['run_id']}:" if len(belonging) > 1 else "")
            outputs.remove(output)
    for output in outputs:
        run = f" ({output['run_id']})" if output["run_id"] else ""
        _print_quoted(output, f"scheduled: {complete(output['text'])}{run}{':' * bool(output['output'])}")


def _print_quoted(output: Mapping[str, Any], headline: str) -> None:
    """Print the last lines of a run, below a *headline* if one is given."""
    if _FORM.as_json:
        from scheduled.cli import log_lines

        print_log(log_lines.of_output(output))
        return
    lines = [f"    {line}" for line in output["output"].splitlines()]
    for line in [headline, *lines] if headline else lines:
        print_line(line, err=True)
