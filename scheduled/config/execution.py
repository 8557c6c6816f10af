"""Parse the keys of a job table that decide how its commands are executed and judged: shell, stdin, pre, post, fails_if."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from scheduled.actions.kind import SUPERVISOR
from scheduled.actions.registry import kind_of
from scheduled.config.tables import FailsIfTable, StdinTable
from scheduled.core.jobs import SHELL, Action, FailsIf, Job, Stdin
from scheduled.errors import ConfigError

LONGEST_EXPRESSION = 1000  # characters
HOOKS = ("pre", "post")


def shell(raw: str) -> str:
    """Return the command that executes lines: a program, with options. Raise ConfigError if it is none."""
    if raw == SHELL:
        return raw
    import shlex

    try:
        words = shlex.split(raw)
    except ValueError as error:
        raise ConfigError(f"shell: {error}; correct the quotes") from None
    if not words or not words[0]:
        raise ConfigError('shell: is empty; write for example "/bin/bash" or "bash -eu", or remove it')
    if "-c" in words:
        raise ConfigError('shell: must not contain -c, which is added to it; write for example "bash -eu"')
    return raw


def stdin(raw: str | StdinTable | None) -> Stdin | None:
    """Return what the job reads from its standard input, if anything. Raise ConfigError for an empty name of a file."""
    if not raw:
        return None
    if isinstance(raw, str):
        return Stdin(text=raw)
    if not raw.file.strip():
        raise ConfigError("stdin.file: is empty; write the path of a file, or remove stdin")
    return Stdin(file=raw.file)


def hook(key: str, raw: str | list[str] | None) -> Action | None:
    """Return the command before or after that of the job, if any. Raise ConfigError if it is empty."""
    if raw is None:
        return None
    if isinstance(raw, str):
        if not raw.strip():
            raise ConfigError(f"{key}: is empty; write a command, or remove it")
        return Action("command", line=raw)
    if not raw or not raw[0]:
        raise ConfigError(f"{key}: is empty; write a command, or remove it")
    return Action("command", words=tuple(raw))


def fails_if(raw: FailsIfTable | None) -> FailsIf | None:
    """Return what makes an attempt fail in spite of its exit code. Raise ConfigError for a wrong regular expression."""
    if raw is None:
        return None
    if raw.output is not None:
        refuse_wrong("fails_if.output", raw.output)
    if not raw.stderr and raw.output is None:
        raise ConfigError(
            'fails_if: is empty; write stderr = true or output = "regular expression", or remove it'
        )
    return FailsIf(raw.stderr, raw.output or "")


def refuse_wrong(key: str, expression: str) -> None:
    """Raise ConfigError, with the position of the error, if *expression* of *key* is no regular expression for lines."""
    if len(expression) > LONGEST_EXPRESSION:
        raise ConfigError(f"{key}: must have at most {LONGEST_EXPRESSION} characters")
    try:
        found = re.compile(expression)
    except (re.error, OverflowError, RecursionError) as error:
        at = getattr(error, "pos", None)
        where = "" if at is None else f" at character {at + 1} of {expression!r}"
        raise ConfigError(
            f"{key}: {getattr(error, 'msg', error)}{where}; correct the regular expression"
        ) from None
    if found.fullmatch(""):
        raise ConfigError(
            f"{key}: {expression!r} matches an empty line; write an expression that needs a character"
        )


def refuse_without_effect(table: Mapping[str, Any], job: Job) -> None:
    """Raise ConfigError if the job's own *table* has a key that its action does not use. Those of [defaults] may have none."""
    for key, reason in _without_effect(job):
        if table.get(key) not in (None, False):
            raise ConfigError(f"{key}: {reason}")


def _without_effect(job: Job) -> Iterator[tuple[str, str]]:
    kind, handler = kind_of(job.action), kind_of(job.action).handler(job.action)
    if kind.EXECUTOR != SUPERVISOR:
        for key in ("shell", "stdin", "fails_if", *HOOKS):
            yield (
                key,
                f"a {job.action.kind} executes no command of its own; write {key} in the jobs that it starts",
            )
        if job.expect is not None and job.expect.is_about_attempts:
            yield (
                "expect",
                f"a {job.action.kind} executes nothing of its own; write output, fresh and command in the jobs that it starts",
            )
    if handler:
        yield "stdin", "a handler reads no standard input; remove it, or use a command"
    if handler and job.fails_if is not None and job.fails_if.stderr:
        yield "fails_if", "stderr: a handler itself reports whether it failed; write output, or use a command"
    if not any(action is not None and action.line for action in job.commands):
        what = "a list is executed without a shell" if job.action.words else "there is no line for a shell"
        yield "shell", f"has no effect: {what}; remove it, or write the command as a string"
