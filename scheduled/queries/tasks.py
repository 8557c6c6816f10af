"""Jobs as tasks: the fields and statuses that schedulers with a task queue have."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from scheduled import question
from scheduled.clock import stamp
from scheduled.config.redaction import masked_table
from scheduled.core.jobs import Job
from scheduled.core.records import RunRow
from scheduled.core.runs import FAILED
from scheduled.instance import Instance
from scheduled.queries import jobs
from scheduled.queries.view import View, open_view
from scheduled.state.ledger import Ledger

ADDED_BY, TYPE = "added_by", "type"  # labels
# The status of a task without a next slot, by the status of its last run.
ENDED = {"success": "completed", "skipped": "cancelled"}
# The keys of a job that are fields of a task; its `config` has the others.
FIELDS = ("description", "labels", "priority", "enabled", "cron", "at")
# The type of a task that was not added as one, by the kind of its action.
TYPES = {"agent": "agent", "handler": "scheduled"}


def tasks(instance: Instance) -> list[dict[str, Any]]:
    """Return all jobs as tasks: their `status` is pending, running, completed, failed or cancelled.

    Raise ConfigError if the configuration cannot be read.
    """
    lines = {line["name"]: line for line in jobs.jobs(instance)}
    with open_view(instance) as (view, ledger):
        return [
            _task(view, ledger, job, lines[name])
            for name, job in question.each(view.config.jobs.items())
            if name in lines
        ]


def queue(found: Mapping[str, Job], rows: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the number of jobs in all, and by their task's status, priority and type.

    *rows* are the `jobs` of `status`: a job that is missing there is not known to the ledger yet.
    """
    known = {row["name"]: _status(row) for row in rows}
    statuses = (known.get(name) or ("pending" if job.enabled else "cancelled") for name, job in found.items())
    return {
        "total": len(found),
        "by_status": dict(Counter(statuses)),
        "by_priority": dict(Counter(job.priority for job in found.values())),
        "by_type": dict(Counter(map(_type, found.values()))),
    }


def _type(job: Job) -> str:
    return job.labels.get(TYPE) or TYPES.get(job.action.kind, "custom")


def _task(view: View, ledger: Ledger, job: Job, line: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": job.name,
        "type": _type(job),
        "description": job.description,
        "schedule": line["next_run"],
        "when": jobs.schedule_in_words(view, job),
        "cron_expression": _cron_expression(job),
        "status": _status(line),
        "priority": job.priority,
        "config": _config(view.config.written.jobs[job.name]),
        "added_by": job.labels.get(ADDED_BY),
        "last_completed_at": line["last_run"],
        "last_status": line["last_status"],
        "max_retries": job.retry.max_attempts - 1,
        **_newest_run(ledger.history(job=job.name, limit=1), view.zone),
    }


def _cron_expression(job: Job) -> str | list[str] | None:
    """Return the cron expression of *job*, a list of them if it has several, None if it has none."""
    found = [schedule.expression for schedule in job.schedules if schedule.kind == "cron"]
    return found if len(found) > 1 else next(iter(found), None)


def _config(table: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in masked_table(table).items() if key not in FIELDS}


def _newest_run(runs: Sequence[RunRow], zone: str) -> dict[str, Any]:
    """Return the result of the newest run: the data of its handler, else its exit code."""
    if not runs:
        return {"retry_count": 0, "started_at": None, "result": None, "error": None}
    run = runs[0]
    ended = run.finished_at is not None and run.status != "waiting_retry"
    result = run.result if run.result is not None else {"exit_code": run.exit_code}
    return {
        "retry_count": max(0, run.attempt - 1),
        "started_at": stamp(run.started_at, zone),
        "result": result if ended else None,
        "error": run.reason or run.status if run.status in FAILED else None,
    }


def _status(line: Mapping[str, Any]) -> str:
    if line["running"]:
        return "running"
    if not line["enabled"]:
        return "cancelled"
    if line["last_status"] in FAILED:
        return "failed"
    if line["next_run"] is not None:
        return "pending"
    return ENDED.get(line["last_status"] or "", "pending")
