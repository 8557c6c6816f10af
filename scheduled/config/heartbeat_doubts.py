"""Warnings about heartbeats that will probably not arrive, or not at a monitor of their own."""

import os
import re
from collections.abc import Iterator, Mapping
from typing import Any

from scheduled.config.secret_doubts import of_source
from scheduled.config.tables import NotifyTable
from scheduled.core.jobs import Job
from scheduled.core.pings import PLACE
from scheduled.core.secret_sources import read_source

PLACES = re.compile(r"\{\w+\}")


def doubts(job: Job, table: Any, environment: Mapping[str, str], directory: str) -> Iterator[str]:
    """Yield the warnings about the address of *job*, each beginning with its key; *table* is its table as it is written.

    *environment* is that of the job, with PATH, and *directory* the one in which its source is read.
    """
    source = read_source(job.heartbeat_url)
    if source is not None:
        yield from (f"heartbeat_url: {doubt}" for doubt in of_source(source, environment, directory))
        return
    if unknown := [name for name in PLACES.findall(job.heartbeat_url) if name != PLACE]:
        yield f"heartbeat_url: {unknown[0]} is no placeholder, and stays in the address; {PLACE} is the only one"
    if PLACE not in job.heartbeat_url:
        if job.for_each is not None:
            yield f"heartbeat_url: all targets ping one check, so that one can hide another; write {PLACE} in the address"
        elif "heartbeat_url" not in (table if isinstance(table, dict) else {}):
            yield f"heartbeat_url: all jobs with the address of [defaults] ping one check; write {PLACE} in it"


def of_settings(notify: NotifyTable, environment: Mapping[str, str]) -> Iterator[str]:
    """Yield the warnings about the heartbeat of the tick and the file that it touches."""
    home = environment.get("HOME") or os.path.expanduser("~")
    source = read_source(notify.heartbeat_url or "")
    if source is not None:
        yield from (f"notify.heartbeat_url: {doubt}" for doubt in of_source(source, environment, home))
    elif PLACE in (notify.heartbeat_url or ""):
        yield f"notify.heartbeat_url: {PLACE} stays in the address, because a tick is no job; remove it"
    deadman = os.path.expanduser(notify.deadman or "")
    directory = os.path.dirname(deadman)
    if deadman and os.path.isdir(deadman):
        yield f"notify.deadman: {deadman} is a directory; write the path of a file in it"
    elif directory and not os.path.isdir(directory):
        yield f"notify.deadman: {directory} is not a directory; create it, or correct the path"
