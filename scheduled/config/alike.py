"""Warnings of `check` about jobs with names that look the same, or that some file systems take for the same."""

import unicodedata
from collections.abc import Iterator, Mapping

from scheduled.core.jobs import Job


def warnings(jobs: Mapping[str, Job]) -> Iterator[str]:
    """Yield a warning for each job with a name that an earlier job has in other letters."""
    first: dict[str, str] = {}
    for job in jobs.values():
        other = first.setdefault(_folded(job.name), job.name)
        if other != job.name:
            yield (
                f"{job.source}: jobs.{job.name}: the name differs from that of jobs.{other} only in capitals or in the"
                " form of its letters, and their runs have the same file names where the file system ignores this;"
                " rename one of them"
            )


def _folded(name: str) -> str:
    return name.casefold() if name.isascii() else unicodedata.normalize("NFKC", name).casefold()
