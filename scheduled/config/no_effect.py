"""Warnings about keys of a job that have no effect, or contradict each other, because of its kind of schedule."""

from collections.abc import Iterator, Mapping
from typing import Any

from scheduled.core.events import BOOTED
from scheduled.core.jobs import Job
from scheduled.schedules.durations import duration
from scheduled.schedules.schedule import counts_from_end


def warnings(job: Job, table: Mapping[str, Any]) -> Iterator[str]:
    """Yield the warnings about *job*, each beginning with its key; *table* has the keys as they are written."""
    if job.is_once_per_period and table.get("catch_up") == "all":
        yield 'catch_up: "all" has no effect with `once_per`: missed periods become one run; remove it'
    if counts_from_end(job.schedules) and table.get("catch_up") == "all":
        yield 'catch_up: "all" has no effect with from = "end": there is one slot at a time; remove it'
    if counts_from_end(job.schedules) and job.overlap != "wait":
        yield 'overlap: has no effect with from = "end": no slot comes due during a run; remove it'
    if job.is_once_per_period and job.grace is not None:
        yield (
            f"grace: a machine that is off longer than {duration(job.grace)} at the beginning of a period skips all of"
            " it; remove it to run later in the period"
        )
    given = table.get("approve")
    if isinstance(given, Mapping) and "by" not in given and "default" in given:
        yield 'approve.default: has no effect without a deadline; add one, for example by = "2h", or remove it'
    if job.start_delay and job.on != BOOTED and not job.is_by_time:
        yield "start_delay: has no effect without a schedule; remove it"
    if job.start_delay and job.grace is not None and job.grace < job.start_delay:
        yield (
            f"grace: {duration(job.grace)} is shorter than the `start_delay`, so slots that were due before a boot are"
            " skipped; write a longer time"
        )
