"""The lines of a dry run about what a closed gate with `else = "skip"` skips at the next tick."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from scheduled.clock import stamp
from scheduled.core.configured_jobs import Jobs
from scheduled.core.gate_words import REFUSED, refused
from scheduled.core.holds import Holds, pauses_of
from scheduled.core.job_plan import JobPlan
from scheduled.core.keys import JobKey
from scheduled.core.runs import StartRequest


def refused_requests(rows: Iterable[StartRequest], holds: Holds) -> list[StartRequest]:
    """Return those of the start requests *rows* that the gate of their job skips."""
    return [row for row in rows if row.job in holds.refused and not pauses_of(row.key, holds.pauses)]


def of_requests(jobs: Jobs, rows: Iterable[StartRequest]) -> Iterator[dict[str, Any]]:
    """Yield a line for each of the start requests *rows*, which are skipped."""
    for row in rows:
        gate = jobs[row.job].only_if
        if gate is not None:
            yield _line(row.key, None, refused(gate))


def of_slots(plans: Mapping[JobKey, JobPlan], zone: str) -> Iterator[dict[str, Any]]:
    """Yield a line for each job or target of which the gate skips the slots that are due, according to *plans*."""
    for key, found in plans.items():
        if found.skips and found.skips[-1].reason.startswith(REFUSED):
            yield _line(key, stamp(found.skips[-1].span.last, zone), found.skips[-1].reason)


def _line(key: JobKey, slot: str | None, reason: str) -> dict[str, Any]:
    found = {"job": key.job, "target": key.target or None, "scheduled_for": slot, "status": "skipped"}
    return {**found, "reason": f"is skipped: {reason}"}
