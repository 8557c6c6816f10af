"""Warnings of `check` about jobs with names that look the same, or that some file systems take for the same."""

import unicodedata
from collections.abc import Iterator, Mapping
from urllib.parse import quote

from scheduled.config.named import named_keys
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


def of_targets(jobs: Mapping[str, Job]) -> Iterator[str]:
    """Yield a warning for each job with a name that looks like the name of a target: JOB@TARGET."""
    for job in jobs.values():
        for key in named_keys(job.name) if "@" in job.name else ():
            if key.job in jobs and key.target in jobs[key.job].targets:
                yield (
                    f"{job.source}: jobs.{job.name}: the name looks like that of the target {key.target} of jobs.{key.job}:"
                    f" `{job.name}` names this job, and `{key.job}@{_encoded(key.target)}` the target; rename the job"
                )
                break


def _encoded(target: str) -> str:
    """Return *target* with its first character percent-encoded: so it is the name of no job."""
    return "".join(f"%{byte:02X}" for byte in target[0].encode()) + quote(target[1:], safe="")


def _folded(name: str) -> str:
    return name.casefold() if name.isascii() else unicodedata.normalize("NFKC", name).casefold()
