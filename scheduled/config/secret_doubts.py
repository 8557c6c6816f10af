"""Warnings about the secrets of a job that its runs will probably not get, or that other users can read."""

import os
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from scheduled.actions.programs import missing, missing_file
from scheduled.core.jobs import Action, Job
from scheduled.core.secret_sources import MOST, Source, read_source
from scheduled.errors import ConfigError
from scheduled.masking import LEAST
from scheduled.state.trust import warn_or_refuse

CREDENTIALS = "CREDENTIALS_DIRECTORY"


def doubts(job: Job, table: Any, environment: Mapping[str, str], directory: str) -> Iterator[str]:
    """Yield the warnings about the secrets of *job*, each beginning with its key; *table* is its table as it is written.

    *environment* is that of the job, with PATH, and *directory* its working directory. No command is executed.
    """
    own = table if isinstance(table, dict) else {}
    env, secrets = (own.get(key) or () for key in ("env", "secrets"))
    if secrets and job.action.steps:
        yield "secrets: a chain starts no process, so they have no effect; write them in its steps"
    for name, written in job.secrets.items():
        if name in env and name in secrets:
            yield f"secrets.{name}: env has this variable too, which has no effect; remove one of them"
        for doubt in of_source(read_source(written), environment, directory):
            yield f"secrets.{name}: {doubt}"


def of_source(source: Source | None, environment: Mapping[str, str], directory: str) -> Iterator[str]:
    """Yield the warnings about one *source*, as `doubts` does."""
    match source:
        case Source("file", name):
            found = list(missing_file("file", name, directory, limit=MOST))
            yield from found or _of_file(name, Path(directory, os.path.expanduser(name)))
        case Source("command", line):
            yield from missing(Action("command", line=line), environment["PATH"], directory)
        case Source("credential", name) if not environment.get(CREDENTIALS):
            yield f"credential: a tick that cron starts has no {CREDENTIALS}, so its runs fail; write file:, or start ticks by systemd with LoadCredential={name}:PATH"


def _of_file(name: str, path: Path) -> Iterator[str]:
    try:
        yield from (f"file: {warning}" for warning in warn_or_refuse(path))
    except ConfigError as error:
        yield f"file: {error}; until then its runs fail"
        return
    found = path.stat()
    if found.st_mode & (stat.S_IRGRP | stat.S_IROTH):
        yield f"file: {name} can be read by other users; run `chmod 600 {name}`"
    if found.st_size < LEAST:
        yield f"file: {name} has fewer than {LEAST} bytes, which can't be masked, so its runs fail; write a longer secret"
