"""`status`: current problems, the ticks, the jobs and the workspace."""

from collections.abc import Mapping
from typing import Any

import msgspec

from scheduled import clock, question
from scheduled.actions.registry import handler_of
from scheduled.clock import stamp
from scheduled.config.config import Config
from scheduled.core.conditions import in_words
from scheduled.core.jobs import job_of, keys_of
from scheduled.core.keys import JobKey
from scheduled.core.records import JobRow
from scheduled.core.troubles import Trouble
from scheduled.engine import cron_watch, expected_ticks
from scheduled.engine.expected_ticks import Ticks
from scheduled.engine.heartbeat import Cadence
from scheduled.errors import ConfigError
from scheduled.instance import Instance
from scheduled.notify import problems as problems_of_ticks
from scheduled.notify.problems import OWNER
from scheduled.paths import Paths
from scheduled.queries import assumptions, ticks, wake_alarm, windows
from scheduled.queries.jobs import is_enabled, schedule_in_words, written_schedule
from scheduled.queries.last_known import config_of
from scheduled.queries.next_run import next_run
from scheduled.queries.tasks import queue
from scheduled.queries.view import View, open_view
from scheduled.state import directories, opened_record
from scheduled.state.ledger import Ledger
from scheduled.state.open import exists, read_only
from scheduled.state.space import full_or_read_only

OF_CONFIG: dict[str, Any] = {"by_priority": {}, "by_type": {}}  # not known without the configuration


def status(instance: Instance) -> dict[str, Any]:
    """Return the current problems as `problems`, and the state of ticks, jobs, outbox and workspace.

    `healthy` is true if there are no problems. `scheduler_running`, `uptime_seconds`, `job_count` and `stats` are the
    fields that health checks of schedulers expect. Raise ConfigError if the configuration cannot be read.
    """
    paths = instance.paths
    if not exists(paths) and not _is_lost(paths):
        return _before_the_first_tick(config_of(instance), paths)
    with open_view(instance) as (view, ledger):
        found, zone, now = view.config, view.zone, clock.now()
        rows = [_with_next_due(view, row) for row in question.each(_rows(view))]
        seen = expected_ticks.ticks(ledger, paths, now)
        failing = problems_of_ticks.failing(ledger, found.jobs)
        listed = [_job(view, row, failing=row.key in failing) for row in question.each(rows)]
        problems = list(
            dict.fromkeys(
                [
                    *_problems(ledger, seen, zone, failing),
                    *windows.notes(view, list(view.job_states)),
                    *problems_of_ticks.errors_found(ledger, found.jobs),
                    *_state_problems(paths),
                    *filter(None, [opened_record.lost(ledger, paths.root)]),
                    *found.problems,
                ]
            )
        )
        ticking = ticks.document(seen, zone)
        disabled = sorted(key for key, enabled in ledger.overrides().items() if not enabled)
        instance.notes = assumptions.zone(view.next_zone)
        return {
            "healthy": not problems,
            "problems": problems,
            "ticks": ticking,
            "scheduler_running": ticking["running"],
            "uptime_seconds": ticking["uptime_seconds"],
            "job_count": len(found.jobs),
            "next_job": _next_job(rows, now, zone),
            "last_execution": _last_execution(rows, zone),
            "stats": _stats(rows),
            "jobs": listed,
            "queue": queue(found.jobs, listed) | (OF_CONFIG if found.unreadable else {}),
            "health": _health(rows, found),
            "undelivered": ledger.outbox_size()[0],
            "wake": wake_alarm.document(ledger, zone, now),
            "paused": {key.display_name or "*": stamp(until, zone) for key, until in view.pauses.items()},
            "muted": {key.display_name: stamp(end, zone) for key, end in ledger.mutes(int(now)).items()},
            "disabled": [key.display_name for key in disabled],
            "gone": [
                key.display_name
                for key in dict.fromkeys([*view.pauses, *disabled])
                if key.target and job_of(found.jobs, key) is None
            ],
        }


def _is_lost(paths: Paths) -> bool:
    with read_only(paths):
        return paths.lost is not None


def _rows(view: View) -> list[JobRow]:
    """Return the rows of all configured jobs and targets, also of those that no tick has planned, as of a disabled job.

    A job without any target has one row.
    """
    jobs, rows = view.config.jobs, view.rows
    keys = (key for job in jobs.values() for key in keys_of(job) or (JobKey(job.name),))
    found = [rows.get(key) or _row(key) for key in keys]
    return sorted(found, key=lambda row: (row.job, row.target))


def _row(key: JobKey) -> JobRow:
    return JobRow(
        job=key.job,
        target=key.target,
        position=0,
        open_reason=None,
        next_due=None,
        window_start=None,
        last_run_id=None,
        last_run_at=None,
        last_status=None,
        last_result=None,
        run_count=0,
        failure_count=0,
        schedules=(),
    )


def _with_next_due(view: View, row: JobRow) -> JobRow:
    """Return *row* with the current `next_due`; the recorded one is outdated after `skip`."""
    return msgspec.structs.replace(row, next_due=next_run(view, row.key))


def _before_the_first_tick(found: Config, paths: Paths) -> dict[str, Any]:
    none = Ticks(now=clock.now(), cadence=Cadence())
    missing = expected_ticks.problem(none, found.timezone) or ""
    return {
        "healthy": False,
        "problems": [*_state_problems(paths), *found.problems, missing],
        "ticks": ticks.document(none, found.timezone),
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
        "muted": {},
        "disabled": [],
        "gone": [],
    }


def _problems(ledger: Ledger, found: Ticks, zone: str, failing: Mapping[JobKey, Trouble]) -> list[str]:
    missing, looked = expected_ticks.problem(found, zone), _cron(ledger, found)
    recorded = [
        in_words(item.condition)
        for item in ledger.conditions(OWNER)
        if not problems_of_ticks.is_about_failing(item.condition.key)
        and item.condition.key != f"{cron_watch.KIND}:ticks"  # judged now
        and (looked is None or not item.condition.key.startswith(f"{cron_watch.KIND}:"))
    ]
    return [
        text
        for text in (
            missing,
            *(looked or {}).values(),
            *(trouble.text for trouble in failing.values()),
            *recorded,
        )
        if text
    ]


def _cron(ledger: Ledger, found: Ticks) -> dict[str, str] | None:
    """Return why cron starts no ticks, by keys; None if that is not looked at, so that what a tick found counts.

    An interface executes no command for a question, and lists no crontab.
    """
    if question.is_limited() or not cron_watch.is_watched(ledger):
        return None
    return cron_watch.look(stopped=not found.running)


def _state_problems(paths: Paths) -> list[str]:
    """Return the reasons why the next tick could not write to the state directory."""
    remarks, reason = [*([paths.lost] if paths.lost else []), *paths.remarks], full_or_read_only(paths.root)
    paths.remarks.clear()
    paths.lost = None
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
        **({} if job.targets or job.for_each is None else {"targets": []}),
        "enabled": is_enabled(job, row.key),
        "schedule": written_schedule(view, job),
        "schedule_words": schedule_in_words(view, job),
        "zone": job.zone,
        "next_run": stamp(row.next_due, zone),
        "open_reason": view.open_reason(row.key),
        "running": view.is_running(row.key),
        "last_run": stamp(row.last_run_at, zone),
        "last_status": row.last_status,
        "failing": failing,
        "run_count": row.run_count,
        "failure_count": row.failure_count,
        **(assumptions.of_run(view, row.key) if row.next_due is not None else {}),
    }


def _health(rows: list[JobRow], found: Config) -> dict[str, Any] | None:
    """Return the totals that the last run of the health handler found; None if there was no such run."""
    for row in rows:
        if handler_of(found.jobs[row.job].action) == "health" and row.last_result:
            return {key: row.last_result.get(key) for key in ("healthy", "warnings", "errors")}
    return None
