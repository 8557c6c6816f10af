"""What the ledger tells of the past: runs, and whether every slot is accounted for."""

from typing import Any, get_args

from scheduled.clock import stamp
from scheduled.core.audit import audit as audited
from scheduled.core.records import RunRow
from scheduled.core.runs import RunStatus
from scheduled.errors import ConfigError, UnknownError
from scheduled.notify.troubles import job_of
from scheduled.paths import Paths
from scheduled.schedules.zones import Instant
from scheduled.state import directories, snapshot
from scheduled.state.open import open_existing, read_only
from scheduled.state.sqlite.ledger import using


def history(
    paths: Paths,
    zone: str,
    *,
    job: str | None = None,
    limit: int = 20,
    since: Instant | None = None,
    status: str | None = None,
) -> list[dict[str, Any]]:
    """Return the newest runs, newest first."""
    with read_only(paths) as ledger:
        found = ledger.history(job=job, limit=limit, since=since, status=status)
        return [_run(row, zone) for row in found]


def one_run(paths: Paths, zone: str, run_id: str) -> dict[str, Any]:
    """Return one run; raises UnknownError if there is none of that name."""
    with read_only(paths) as ledger:
        row = ledger.run(run_id)
    if row is None:
        raise UnknownError(f"{run_id}: no such run; `scheduled history` lists them")
    return _run(row, zone)


def run_status(word: str | None) -> str | None:
    """Return *word* if a run's status can be that; raises ConfigError."""
    if word is not None and word not in get_args(RunStatus):
        raise ConfigError(f"status: is one of {', '.join(get_args(RunStatus))}, got {word}")
    return word


def _run(row: RunRow, zone: str) -> dict[str, Any]:
    return {
        "run_id": row.run_id,
        "job": row.job,
        "target": row.target or None,
        "scheduled_for": stamp(row.slot if row.slot is not None else row.asked_for, zone),
        "slots": row.slots,
        "trigger": row.trigger,
        "attempt": row.attempt,
        "status": row.status,
        "reason": row.reason or None,
        "started_at": stamp(row.started_at, zone),
        "finished_at": stamp(row.finished_at, zone),
        "duration_ms": row.duration_ms,
        "exit_code": row.exit_code,
        "host": row.host_name or row.host,
        "host_id": row.host,
    }


def audit(
    paths: Paths, zone: str, *, after: Instant | None = None, until: Instant | None = None
) -> dict[str, Any]:
    """Recompute every slot there had to be, or those in (after, until]; return whether the ledger accounts for each."""
    # The snapshot is read before the ledger is opened: it describes what the ledger held by then. A ledger without a
    # writer is read as it was at the moment of its opening.
    idle = snapshot.idle_until(paths.snapshot)
    with using(open_existing(paths)) as ledger:
        ledger.hold_still()
        seen = idle or int(ledger.meta("planned") or 0)
        runs = [run.run_id for run in ledger.open_runs()]
        horizon = int(ledger.meta("horizon") or 0)
        span = max(after or 0, horizon), seen if until is None else min(until, seen)
        found = audited(ledger.epochs(), ledger.slot_rows(), ledger.job_rows(), runs, seen, span)
    return {
        "ok": not found.problems,
        "slots": found.slots,
        "horizon": stamp(found.horizon, zone),
        "problems": [
            {"job": problem.job, "slot": stamp(problem.slot, zone), "problem": problem.problem}
            for problem in found.problems
        ],
    }


def incidents(paths: Paths, zone: str) -> list[dict[str, Any]]:
    """Return what is wrong or noteworthy now, as jobs (and, without one, the runner itself) found it."""
    with read_only(paths) as ledger:
        found = ledger.conditions()
    return [
        {
            "job": item.job or job_of(item.condition.key),
            "key": item.condition.key,
            "group": item.condition.group,
            "since": stamp(item.since, zone),
            "told_at": stamp(item.notified_at, zone),
            "payload": item.condition.payload,
        }
        for item in found
    ]


def notices(paths: Paths, zone: str) -> list[dict[str, Any]]:
    """Return the notices that are decided but not delivered yet, oldest first."""
    with read_only(paths) as ledger:
        found = ledger.outbox()
    return [
        {
            "id": item.id,
            "recipient": item.notice.recipient,
            "subject": item.notice.subject,
            "body": item.notice.body,
            "tries": item.tries,
            "next_try": stamp(item.next_try, zone),
        }
        for item in found
    ]


def report(paths: Paths) -> dict[str, Any]:
    """Return the newest daily report; its fields are null where none was made yet."""
    directories.refuse_unreadable(paths)
    made = max(paths.reports.glob("daily-*.md"), default=None, key=lambda path: path.name)
    if made is None:
        return {"path": None, "day": None, "text": None}
    return {
        "path": str(made),
        "day": made.stem.removeprefix("daily-"),
        "text": made.read_text(errors="replace"),
    }
