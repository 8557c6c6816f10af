"""The troubles that runs are which wait for a person: for approval, or because they were interrupted and ask."""

from collections.abc import Iterable

from scheduled.clock import stamp
from scheduled.core.approvals import deadline, is_asked
from scheduled.core.configured_jobs import Jobs
from scheduled.core.jobs import Job
from scheduled.core.records import NOT_APPROVED
from scheduled.core.runs import OpenRun
from scheduled.core.troubles import Trouble
from scheduled.schedules.zones import Instant


def troubles(runs: Iterable[OpenRun], jobs: Jobs) -> dict[str, Trouble]:
    """Return a trouble for each job or target with a run of *runs* that waits for a person, by key; it names the oldest."""
    found: dict[str, Trouble] = {}
    for run in sorted(runs, key=lambda run: run.claimed_at):
        kind = "approval" if is_asked(run) else "ask"
        trouble = Trouble(text=_text(jobs[run.job], run), kind=kind, subject=run.key, run_id=run.run_id)
        found.setdefault(f"ask:{run.key}", trouble)
    return found


def _text(job: Job, run: OpenRun) -> str:
    answers = f"`scheduled approve {run.run_id}` or `scheduled deny {run.run_id}`"
    if is_asked(run):
        return f"{run.key.display_name}: {NOT_APPROVED} since {_at(run.claimed_at, job)}{_until(job, run)}: {answers}"
    return f"{run.key.display_name}: was interrupted and waits for a decision: {answers}"


def _until(job: Job, run: OpenRun) -> str:
    """Return until when a person may answer, and what happens then; "" without a deadline."""
    at = deadline(job, run)
    if at is None or job.approve is None:
        return ""
    then = "it is skipped" if job.approve.default == "deny" else "it starts"
    return f", until {_at(at, job)}, when {then}"


def _at(instant: float | Instant, job: Job) -> str:
    return (stamp(int(instant), job.zone) or "")[:16].replace("T", " ")
