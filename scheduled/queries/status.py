"""`status`: current problems, the ticks, the jobs and the workspace."""

from collections.abc import Mapping
from typing import Any

import msgspec

from scheduled import clock
from scheduled.actions.registry import handler_of
from scheduled.clock import stamp
from scheduled.config.files import Config
from scheduled.core.conditions import in_words
from scheduled.core.jobs import DEFAULT_CADENCE, Job
from scheduled.core.keys import JobKey
from scheduled.core.records import JobRow
from scheduled.errors import ConfigError
from scheduled.instance import Instance
from scheduled.notify import problems as problems_of_ticks
from scheduled.notify.problems import OWNER
from scheduled.paths import Paths
from scheduled.queries.describe import written
from scheduled.queries.jobs import schedule_in_words
from scheduled.queries.last_known import config_of
from scheduled.queries.tasks import queue
from scheduled.queries.view import View, open_view
from scheduled.state import directories, snapshot
from scheduled.state.files import full_or_read_only
from scheduled.state.ledger import Ledger
from scheduled.state.open import exists


def status(instance: Instance) -> dict[str, Any]:
    """Return the current problems as `problems`, and the state of ticks, jobs, outbox and workspace.

    `healthy` is true if there are no problems. `scheduler_running`, `uptime_seconds`, `job_count` and `stats` are the
    fields that health checks of schedulers expect. Raise ConfigError if the configuration cannot be read.
    """
    paths = instance.paths
    if not exists(paths):
        return _before_the_first_tick(config_of(instance), paths)
    with open_view(instance) as (view, ledger):
        found, zone, now = view.config, view.zone, clock.now()
        rows = [_with_next_due(view, row) for row in view.rows.values() if row.job in found.jobs]
        ticks = _ticks(ledger, paths, now, zone)
        failing = problems_of_ticks.failing(ledger, found.jobs)
        listed = [_job(view, row, failing=row.key in failing) for row in rows]
        problems = list(
            dict.fromkeys(
                [
                    *_problems(ledger, ticks, failing),
                    *problems_of_ticks.errors_found(ledger, found.jobs),
                    *_state_problems(paths),
                    *found.problems,
                ]
            )
        )
        return {
            "healthy": not problems,
            "problems": problems,
            "ticks": ticks,
            "scheduler_running": ticks["running"],
            "uptime_seconds": ticks["uptime_seconds"],
            "job_count": len(found.jobs),
            "next_job": _next_job(rows, now, zone),
            "last_execution": _last_execution(rows, zone),
            "stats": _stats(rows),
            "jobs": listed,
            "queue": queue(found.jobs, listed),
            "health": _health(rows, found),
            "undelivered": len(ledger.outbox()),
            "paused": {key.display_name or "*": stamp(until, zone) for key, until in view.pauses.items()},
        }


def _with_next_due(view: View, row: JobRow) -> JobRow:
    """Return *row* with the current `next_due`; the recorded one is outdated after `skip`."""
    return msgspec.structs.replace(row, next_due=view.next_run(view.config.jobs[row.job], row.key))


def _before_the_first_tick(found: Config, paths: Paths) -> dict[str, Any]:
    problem = "no tick has run yet; `scheduled install` adds ticks to your crontab, `scheduled run` runs one tick now"
    return {
        "healthy": False,
        "problems": [*_state_problems(paths), *found.problems, problem],
        "ticks": {
            "last": None,
            "seconds_ago": None,
            "overdue_seconds": None,
            "running": False,
            "uptime_seconds": 0,
            "tick_count": 0,
        },
        "scheduler_running": False,
        "uptime_seconds": 0,
        "job_count": len(found.jobs),
        "next_job": None,
        "last_execution": None,
        "stats": _stats([]),
        "jobs": [],
        "queue": queue(found.jobs, []),
        "health": None,
        "undelivered": 0,
        "paused": {},
    }


def _ticks(ledger: Ledger, paths: Paths, now: float, zone: str) -> dict[str, Any]:
    """Return the time of the last tick, and how many seconds the next one is overdue."""
    last = snapshot.heartbeat(paths.snapshot)
    cadence = int(ledger.meta("cadence") or DEFAULT_CADENCE)
    # Without a heartbeat the first tick may still be under way; the start of the first epoch is its start.
    latest = last if last is not None else min((epoch.starts_at for epoch in ledger.epochs()), default=None)
    overdue = None if latest is None else max(0, int(now - latest) - cadence)
    running = overdue is not None and overdue <= cadence
    since = float(ledger.meta("ticking_since") or now)
    return {
        "last": stamp(last, zone),
        "seconds_ago": None if last is None else int(now - last),
        "expected_every_seconds": cadence,
        "overdue_seconds": overdue,
        "running": running,
        "uptime_seconds": max(0, int(now - since)) if running else 0,
        "tick_count": int(ledger.meta("tick_count") or 0),
    }


def _problems(ledger: Ledger, ticks: dict[str, Any], failing: Mapping[JobKey, str]) -> list[str]:
    stopped = []
    if not ticks["running"]:
        last = (
            "none has run since this state directory was created"
            if ticks["last"] is None
            else f"the last one was at {ticks['last'][:16].replace('T', ' ')}"
        )
        stopped = [f"ticks have stopped: {last}; {_repair(ledger)}"]
    found = [
        in_words(item.condition)
        for item in ledger.conditions(OWNER)
        if not problems_of_ticks.is_about_failing(item.condition.key)
    ]
    return [*stopped, *failing.values(), *filter(None, found)]


def _repair(ledger: Ledger) -> str:
    """Return what to do when ticks have stopped. The demo must not get into the crontab of its user."""
    if ledger.meta("cadence"):  # written by `install`
        return "`scheduled install` repairs the crontab"
    by_hand = "`scheduled run` runs one now"
    return by_hand if ledger.meta("demo") else f"{by_hand}, `scheduled install` adds them to your crontab"


def _state_problems(paths: Paths) -> list[str]:
    """Return the reasons why the next tick could not write to the state directory."""
    remarks, reason = list(paths.remarks), full_or_read_only(paths.root)
    paths.remarks.clear()
    if remarks or reason:
        return remarks or [f"{reason}; nothing new is recorded"]
    try:
        directories.refuse_unwritable(paths)
    except ConfigError as error:
        return [str(error)]
    return []


def _next_job(rows: list[JobRow], now: float, zone: str) -> dict[str, Any] | None:
    due = [(row.next_due, row.key) for row in rows if row.next_due is not None]
    if not due:
        return None
    instant, key = min(due)
    return {
        "name": key.job,
        "target": key.target or None,
        "scheduled": stamp(instant, zone),
        "in_seconds": max(0, int(instant - now)),
    }


def _last_execution(rows: list[JobRow], zone: str) -> dict[str, Any] | None:
    """Return the job, status and end of the attempt that ended last; None if none has ended."""
    ended = [row for row in rows if row.last_run_at]
    if not ended:
        return None
    row = max(ended, key=lambda row: row.last_run_at or 0)
    return {
        "job": row.key.display_name,
        "run_id": row.last_run_id,
        "status": row.last_status,
        "completed_at": stamp(row.last_run_at, zone),
    }


def _stats(rows: list[JobRow]) -> dict[str, Any]:
    total, failed = sum(row.run_count for row in rows), sum(row.failure_count for row in rows)
    return {
        "total_executions": total,
        "successful": total - failed,
        "failed": failed,
        "success_rate": round((total - failed) / total, 4) if total else None,
    }


def _job(view: View, row: JobRow, *, failing: bool) -> dict[str, Any]:
    job, zone = view.config.jobs[row.job], view.zone
    return {
        "name": row.job,
        "target": row.target or None,
        "enabled": job.enabled,
        "schedule": describe(view, job),
        "zone": job.zone,
        "next_run": stamp(row.next_due, zone),
        "open_reason": view.open_reason(row.key),
        "running": view.is_running(row.key),
        "last_run": stamp(row.last_run_at, zone),
        "last_status": row.last_status,
        "failing": failing,
        "run_count": row.run_count,
        "failure_count": row.failure_count,
    }


def describe(view: View, job: Job) -> str:
    """Return the schedule of *job* in the short form of the configuration, or what starts a job without a schedule."""
    return written(job.schedules, view.zone) if job.is_by_time else schedule_in_words(view, job)


def _health(rows: list[JobRow], found: Config) -> dict[str, Any] | None:
    """Return the totals that the last run of the health handler found; None if there was no such run."""
    for row in rows:
        if handler_of(found.jobs[row.job].action) == "health" and row.last_result:
            return {key: row.last_result.get(key) for key in ("healthy", "warnings", "errors")}
    return None
