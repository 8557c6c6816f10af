"""`command`: a line for /bin/sh, or a list of words that is executed without a shell."""

import os
from collections.abc import Iterable, Mapping
from typing import Any

from scheduled.actions.kind import SUPERVISOR, ExecutionContext, Key, Work
from scheduled.clock import stamp
from scheduled.core.jobs import SHELL, Action, Job
from scheduled.core.runs import Claim
from scheduled.errors import ConfigError

KEYS: Mapping[str, Key] = {"command": Key(str | list[str])}
GROUP: str = ""
EXECUTOR: str = SUPERVISOR
LABEL: str = "a command"
EXAMPLE: str = "a line for /bin/sh"
METAVAR: str = "LINE"
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
    """See `ActionKind.faults`. A target that a shell could interpret must not become part of what it executes."""
    if job.options:
        yield "options: a command has no options; write env instead"
    if not job.targets:
        return
    from scheduled.actions import target_words

    expected = None if job.expect is None else job.expect.command
    actions = {"command": job.action, "pre": job.pre, "post": job.post, "expect.command": expected}
    for key, action in actions.items():
        if action is not None:
            found = (target_words.fault(action, name) for name in job.targets)
            yield from (f"{key}: {text}" for text in found if text)


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

    Raise ConfigError if a shell or a program could interpret the target in it.
    """
    if claim.target:
        from scheduled.actions import target_words  # most jobs have no targets

        if problem := target_words.fault(action, claim.target):
            raise ConfigError(problem)
    words = action.words or (*shell_words(job), "-c", action.line)
    return tuple(filled_in(word, job, claim) for word in words)


def shell_words(job: Job) -> tuple[str, ...]:
    """Return the program and options that execute the lines of *job*."""
    if job.shell == SHELL:
        return (SHELL,)
    import shlex

    first, *options = shlex.split(job.shell)
    return (os.path.expanduser(first), *options)


def filled_in(word: str, job: Job, claim: Claim) -> str:
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
        from scheduled.actions import target_words

        known[target_words.TARGET] = claim.target  # the last one: braces in a target stay as they are
    for name, value in known.items():
        word = word.replace(name, value)
    return word
