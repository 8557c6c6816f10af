"""Warnings about valid jobs that will probably not do what is meant: missing files and programs, unknown events.

They look at the machine as it is now, and never make a configuration invalid: a file may appear until the job runs.
"""

import os
import re
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, get_args

from scheduled.actions.programs import missing, missing_file
from scheduled.actions.registry import handler_of, kind_of
from scheduled.actions.target_words import TARGET
from scheduled.config import heartbeat_doubts, secret_doubts
from scheduled.config.execution_doubts import of_execution
from scheduled.core.configured_jobs import Jobs
from scheduled.core.events import PUBLISHED
from scheduled.core.jobs import Action, Job
from scheduled.core.runs import RunStatus
from scheduled.handlers.registry import BUILT_IN
from scheduled.state.files import RefusedError, read_regular

CHOICES = ("rerun", "skip", "ask")  # the values of on_interrupted that are no command
STATUSES = tuple(get_args(RunStatus))
PATHS = re.compile(r"^\s*(?:export\s+)?(PATH|PYTHONPATH)=(.*)$", re.MULTILINE)
MAX_ENV_FILE = 1 << 20  # bytes; a run reads no more either
CRON_PATH = "/usr/bin:/bin"  # what cron gives to jobs


def doubts(job: Job, jobs: Jobs, environment: Mapping[str, str], table: Any = None) -> Iterator[str]:
    """Yield the warnings about *job*, each beginning with its key. *environment* is that of every job, before `env`.

    *table* is the table of the job as it is written.
    """
    given = {"PATH": CRON_PATH, **environment, **_paths_in(job.env_file), **job.env}
    directory = os.path.expanduser(job.cwd or given.get("HOME", "~"))
    if job.cwd and not os.path.isdir(directory):
        yield f"cwd: {job.cwd} is not a directory; create it, or correct the path"
    if job.env_file:
        yield from missing_file("env_file", job.env_file, directory="", limit=MAX_ENV_FILE)
    yield from kind_of(job.action).missing(job.action, given, directory)
    yield from of_execution(job, given["PATH"], directory)
    if job.wake:
        yield from wake_doubts(job)
    if job.secrets:
        yield from secret_doubts.doubts(job, table, given, directory)
    if job.heartbeat_url:
        yield from heartbeat_doubts.doubts(job, table, given, given.get("HOME", "/"))
    if near := _nearest(job.on_interrupted, CHOICES) if job.on_interrupted not in CHOICES else "":
        yield f"on_interrupted: {job.on_interrupted} is run as a command; did you mean {near}?"
    if job.only_if and job.only_if.command:
        gate = Action("command", line=job.only_if.command)
        yield from (f"only_if.{doubt}" for doubt in missing(gate, given["PATH"], given.get("HOME", "~")))
    yield from _overlap(job)
    if job.on:
        yield from _event(job, jobs)
    yield from _targets(job, given)


def _targets(job: Job, given: Mapping[str, str]) -> Iterator[str]:
    """Yield the warnings about the targets of *job*, or about what would need them; *given* is its environment."""
    if job.for_each is None:
        if any(TARGET in word for word in (job.action.line, *job.action.words)):
            yield f"command: {TARGET} stays as it is, because the job has no targets; write for_each"
        return
    if job.action.steps:
        yield "for_each: a chain does not give its target to its steps; write for_each in the jobs of the steps"
    elif handler_of(job.action) in BUILT_IN:
        yield f"for_each: {job.action.name} always works on all branches; remove for_each, so that it does so once"
    yield from _gate_of_targets(job)
    if len(job.for_each.listed) == 1 and job.for_each.listed[0] in ("*", "branches"):
        name = job.for_each.listed[0]
        yield f'for_each: ["{name}"] is one target with this name; for all branches, write for_each = "{name}"'
    if job.for_each.command:
        listing = Action("command", line=job.for_each.command)
        yield from (f"for_each.{doubt}" for doubt in missing(listing, given["PATH"], given.get("HOME", "~")))


def _gate_of_targets(job: Job) -> Iterator[str]:
    """Yield a warning if the gate of *job* names a target: it is asked once for all targets."""
    gate = job.only_if
    values = {} if gate is None else {"path": gate.path, "network": gate.network, "command": gate.command}
    for name, value in values.items():
        for word in (TARGET, "SCHEDULED_TARGET"):
            if isinstance(value, str) and word in value:
                known = "stays as it is" if word == TARGET else "is not set"
                yield f"only_if.{name}: {word} {known}, because a gate is asked once for all targets; test it in the command of the job"


def wake_doubts(job: Job) -> Iterator[str]:
    """Yield a warning if *job* can't wake the machine."""
    if not job.is_by_time:
        yield "wake: the job has no schedule, so it has no effect; add one, or remove it"
    elif not job.enabled:
        yield "wake: the job is disabled, so it has no effect"


def _overlap(job: Job) -> Iterator[str]:
    """Yield why `overlap` of *job* does nothing, or contradicts its `catch_up`."""
    if job.overlap == "wait":
        return
    if not job.is_by_time:
        yield 'overlap: has no effect on a job without a schedule; remove it, or write overlap = "wait" if it is from [defaults]'
    elif job.overlap == "queue" and job.catch_up == "all":
        yield 'overlap: "queue" has no effect with catch_up = "all", which runs every slot; remove it'
    elif job.overlap == "replace" and job.action.steps:
        yield 'overlap: "replace" has no effect on a chain, which has no process to stop; write "wait", "queue" or "skip"'
    elif job.overlap == "replace" and job.catch_up == "all":
        yield 'overlap: "replace" stops runs of slots that catch_up = "all" wants to run to the end; write one of the two'


def _paths_in(env_file: str | None) -> dict[str, str]:
    """Return the variables of *env_file* that name the directories of programs and modules; none if it can't be read."""
    try:
        path = Path(env_file).expanduser() if env_file else None
        text = "" if path is None else read_regular(path, limit=MAX_ENV_FILE).decode()
        return {name: "".join(shlex.split(value)) for name, value in PATHS.findall(text)}
    except (OSError, RefusedError, ValueError, RuntimeError):  # without a home `~` is a RuntimeError
        return {}


def _event(job: Job, jobs: Jobs) -> Iterator[str]:
    if job.on not in PUBLISHED:
        near = _nearest(job.on, PUBLISHED)
        if near:
            yield f"on: no event is called {job.on}; did you mean {near}? An event of your own needs `scheduled emit {job.on}`"
        return
    known = PUBLISHED[job.on]
    for key, value in job.where.items():
        if key not in known:
            near = _nearest(key, known)
            meant = f"; did you mean {near}?" if near else f"; it has {', '.join(known)}"
            yield f"where.{key}: {job.on} has no {key}{meant}"
        elif key == "job" and value not in jobs:
            near = _nearest(value, jobs)
            yield f"where.job: there is no job {value}" + (
                f"; did you mean {near}?" if near else "; correct the name"
            )
        elif key == "status" and value not in STATUSES:
            yield f"where.status: no run has the status {value}; write one of {', '.join(STATUSES)}"


def _nearest(name: str, names: Mapping[str, object] | tuple[str, ...]) -> str:
    import difflib

    return next(iter(difflib.get_close_matches(name, list(names), n=1)), "")
