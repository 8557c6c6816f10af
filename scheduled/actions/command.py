"""`command`: a line for /bin/sh, or a list of words that is executed without a shell."""

import os
from collections.abc import Iterable, Mapping
from typing import Any

from scheduled.actions.kind import SUPERVISOR, ExecutionContext, Key, Work
from scheduled.clock import stamp
from scheduled.core.jobs import SHELL, Action, Job
from scheduled.core.runs import Claim
from scheduled.errors import ConfigError
from scheduled.printable import printable

KEYS: Mapping[str, Key] = {"command": Key(str | list[str])}
GROUP: str = ""
EXECUTOR: str = SUPERVISOR
LABEL: str = "a command"
EXAMPLE: str = "a line for /bin/sh"
METAVAR: str = "LINE"
TARGET = "{target}"
# What no shell interprets. A program could interpret a target that begins with a hyphen as an option.
SAFE = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_@%+:./-")
HELP: str = "Action: a line for /bin/sh; or the words after --, without a shell."


def read(given: Mapping[str, Any]) -> Action:
    """See `ActionKind.read`."""
    command = given["command"]
    if isinstance(command, list):
        return Action("command", words=tuple(command))
    return Action("command", line=command)


def from_text(text: str, before: Any) -> Any:
    """See `ActionKind.from_text`: a command that was a list of words stays one."""
    import shlex

    if not isinstance(before, list):
        return text
    try:
        return shlex.split(text)
    except ValueError as error:
        raise ConfigError(f"command: {error}; correct the quotes") from None


def to_text(value: Any) -> str:
    """See `ActionKind.to_text`."""
    import shlex

    return value if isinstance(value, str) else shlex.join(value)


def faults(job: Job) -> Iterable[str]:
    """See `ActionKind.faults`. A target that a shell could interpret must not become part of a line for it."""
    if job.options:
        yield "options: a command has no options; write env instead"
    for key, action in (("command", job.action), ("pre", job.pre), ("post", job.post)):
        if action is not None and TARGET in action.line:
            yield from (f"{key}: {_unsafe(name)}" for name in job.targets if not _is_safe(name))


def missing(action: Action, environment: Mapping[str, str], directory: str) -> Iterable[str]:
    """See `ActionKind.missing`."""
    from scheduled.actions import programs

    return programs.missing(action, environment["PATH"], directory)


def describe(action: Action) -> str:
    """See `ActionKind.describe`."""
    import shlex

    return action.line or shlex.join(action.words)


def handler(action: Action) -> str:  # noqa: ARG001 - the signature of every kind
    """See `ActionKind.handler`."""
    return ""


def prepare(job: Job, claim: Claim, context: ExecutionContext, totals: Mapping[str, int]) -> Work:  # noqa: ARG001 - the signature of every kind
    """See `ActionKind.prepare`."""
    return Work(argv=argv(job.action, job, claim))


def argv(action: Action, job: Job, claim: Claim) -> tuple[str, ...]:
    """Return the program and arguments that execute a command of *job*, for a claimed run.

    Raise ConfigError if a line for the shell would contain a target that the shell may interpret.
    """
    if TARGET in action.line and claim.target and not _is_safe(claim.target):
        raise ConfigError(_unsafe(claim.target))
    words = action.words or (*shell_words(job), "-c", action.line)
    return tuple(_filled_in(word, job, claim) for word in words)


def shell_words(job: Job) -> tuple[str, ...]:
    """Return the program and options that execute the lines of *job*."""
    if job.shell == SHELL:
        return (SHELL,)
    import shlex

    first, *options = shlex.split(job.shell)
    return (os.path.expanduser(first), *options)


def _filled_in(word: str, job: Job, claim: Claim) -> str:
    """Return *word* with {scheduled_for}, {missed}, {window_start} and, with `for_each`, {target} filled in.

    All other braces stay as they are, also in the values. With them a late run can do the work of the day that it was
    scheduled for.
    """
    if "{" not in word:
        return word
    known = {
        "{scheduled_for}": stamp(claim.scheduled_for, job.zone) or "",
        "{missed}": str(claim.missed),
        "{window_start}": stamp(claim.effective_window_start, job.zone) or "",
    }
    if claim.target:
        known[TARGET] = claim.target  # the last one: braces in a target stay as they are
    for name, value in known.items():
        word = word.replace(name, value)
    return word


def _is_safe(target: str) -> bool:
    return SAFE.issuperset(target) and not target.startswith("-")


def _unsafe(target: str) -> str:
    return (
        f"{TARGET} can't be {printable(target)!r} in a line for the shell, which could interpret it: write"
        ' "$SCHEDULED_TARGET" instead, with the quotes, or the command as a list of words'
    )
