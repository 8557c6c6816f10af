"""What `check` finds about jobs with names that look the same: like another job's, or like the label of a target."""

import unicodedata
from collections.abc import Iterator, Mapping

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
    """Yield a problem for each job with a name that is the label of a known target, JOB@TARGET: both have the same name everywhere."""
    for job in jobs.values():
        for key in named_keys(job.name) if "@" in job.name else ():
            if key.job in jobs and key.target in jobs[key.job].targets:
                yield (
                    f"{job.source}: jobs.{job.name}: the name is that of the target {key.target} of jobs.{key.job}:"
                    f" `{job.name}` names this job, and `{key.unlike_jobs}` the target; rename one of them"
                )
                break


def _folded(name: str) -> str:
    return name.casefold() if name.isascii() else unicodedata.normalize("NFKC", name).casefold()
