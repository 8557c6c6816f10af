"""The document of the snapshot: what the ledger has, for users and other programs."""

from collections.abc import Mapping
from typing import Any

from scheduled.clock import local
from scheduled.core.keys import JobKey
from scheduled.core.records import JobRow
from scheduled.schedules.zones import Instant
from scheduled.state import last_error
from scheduled.state.ledger import Ledger

ALL = "*"  # the name of all jobs among the pauses
SWEEP = ("health", "memory_rollover", "mail_cleanup", "metrics")
HANDLERS = (*SWEEP, "daily_report")


def summary(
    ledger: Ledger, handlers: Mapping[str, JobKey], zone: str, now: Instant, since: int | None = None
) -> dict[str, Any]:
    """Return the document of the snapshot at *now*, without its first line. Its instants are in *zone*.

    *handlers* maps the names of handlers to the job or target that runs them. The document names jobs by their labels,
    see `JobKey`. With *since*, a generation of the ledger, it has only the jobs that have changed since then.
    """
    generation = ledger.generation()  # first: what is read after it may be newer, but never older
    rows = ledger.job_rows() if since is None else ledger.changed_rows(since)
    known = {row.key: row for row in (rows if since is None else ledger.job_rows(handlers.values()))}
    built_in = {name: known.get(handlers[name]) if name in handlers else None for name in HANDLERS}
    totals = ledger.totals()
    sweeps = [row.last_run_at for name, row in built_in.items() if name in SWEEP and row and row.last_run_at]
    health, memory, mail = built_in["health"], built_in["memory_rollover"], built_in["mail_cleanup"]
    counted = totals.get(handlers["mail_cleanup"], {}) if "mail_cleanup" in handlers else {}
    status = (health.last_result if health else None) or {}
    return {
        "last_run": {
            "hourly": iso(max(sweeps, default=None), zone),
            "daily_report": iso(_last(built_in["daily_report"]), zone),
        },
        "memory_rollover": {
            "notified_files": ((memory.last_result if memory else None) or {}).get("notified_files", []),
            "last_check": iso(_last(memory), zone),
        },
        "mail_cleanup": {
            "last_run": iso(_last(mail), zone),
            "stats": {
                "auto_opened_total": counted.get("auto_opened", 0),
                "auto_closed_total": counted.get("auto_closed", 0),
            },
        },
        "health_check": {
            "last_run": iso(_last(health), zone),
            "last_status": {key: status.get(key, 0) for key in ("healthy", "warnings", "errors")},
        },
        "last_error": last_error.shown(ledger, zone),
        "jobs": {str(row.key): _job(row, zone) for row in rows},
        "overridden": {str(key): enabled for key, enabled in ledger.overrides().items()},
        "generation": generation,
        "paused": {str(key) or ALL: iso(until, zone) for key, until in ledger.pauses(now).items()},
        "muted": {str(key): iso(until, zone) for key, until in ledger.mutes(now).items()},
    }


def _last(row: JobRow | None) -> float | None:
    return row.last_run_at if row else None


def iso(instant: float | None, zone: str) -> str | None:
    """Return an instant in *zone* as text; None for None."""
    return None if instant is None else local(int(instant), zone).isoformat()


def _job(row: JobRow, zone: str) -> dict[str, Any]:
    return {
        "next_run": iso(row.next_due, zone),
        "last_run": iso(row.last_run_at, zone),
        "last_status": row.last_status,
        "run_count": row.run_count,
        "failure_count": row.failure_count,
        "position": row.position,
        "window_start": row.window_start,
        "schedules": row.schedules,
    }
