"""Warnings about the shell, the standard input and the hooks of a job: programs and files that do not exist."""

from collections.abc import Iterator

from scheduled.actions.command import shell_words
from scheduled.actions.programs import missing, missing_file
from scheduled.core.jobs import Action, Job

MOST_INPUT = 1 << 62  # bytes: a file of any size may be the standard input


def of_execution(job: Job, path: str, directory: str) -> Iterator[str]:
    """Yield the warnings, each beginning with its key. *path* is the PATH and *directory* the working directory of the job."""
    expected = None if job.expect is None else job.expect.command
    actions = {"shell": _shell(job), "pre": job.pre, "post": job.post, "expect.command": expected}
    for key, action in actions.items():
        if action is not None:
            yield from (f"{key}{doubt.removeprefix('command')}" for doubt in missing(action, path, directory))
    if job.stdin is not None and job.stdin.file:
        yield from missing_file("stdin", job.stdin.file, directory, limit=MOST_INPUT)
    if job.only_if is not None and job.only_if.skips and job.gate_deadline is not None:
        yield 'gate_deadline: has no effect: with else = "skip" in only_if no slot waits for the gate; remove one of them'


def _shell(job: Job) -> Action | None:
    """Return the shell of the job as a command, if a line needs it."""
    lines = any(action is not None and action.line for action in job.commands)
    return Action("command", words=shell_words(job)[:1]) if lines else None
