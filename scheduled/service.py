"""What every door may ask. Answers are plain JSON-ready values; instants in them are RFC 3339 with offset."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any

from scheduled import clock, config, runner
from scheduled.audit import audit as audited
from scheduled.byhand import Wish
from scheduled.config import Config
from scheduled.errors import ConfigError, StateError
from scheduled.house import House
from scheduled.jobs import MINUTE, Instant
from scheduled.runner import Result
from scheduled.state import snapshot
from scheduled.state.ledger import RunRow
from scheduled.state.paths import Paths
from scheduled.state.sqlite import SqliteLedger, using

OUTPUT_TAIL = 65536


def stamp(instant: float | None, zone: str) -> str | None:
    """Return an instant as people and programs read it, or None."""
    return None if instant is None else clock.local(instant, zone).isoformat()


def known_jobs(found: Config, names: Sequence[str]) -> list[str]:
    """Return *names* if they are all jobs; raises ConfigError naming the first that is not, with the nearest."""
    import difflib

    for name in names:
        if name not in found.jobs:
            near = difflib.get_close_matches(name, found.jobs, n=1)
            raise ConfigError(f"no such job: {name}" + (f"; did you mean {near[0]}?" if near else ""))
    return list(dict.fromkeys(names))


def run(house: House, names: Sequence[str] = ()) -> Result:
    """Make a tick; with *names*, run these jobs now, whatever their schedules say."""
    return runner.tick(house, manual=[Wish(name) for name in known_jobs(house.config, names)])


def daily_report(house: House, *, due: bool) -> Result:
    """Make the daily report now, or, with *due*, only if its slot is open and nobody holds it."""
    name = house.handlers().get("daily_report")
    if name is None:
        raise ConfigError(f'{house.config.path}: no job has handler = "daily_report"')
    if not due:
        return runner.tick(house, manual=[Wish(name)])
    # What the report tells of comes first in its slot: whoever takes the report's slot takes the group's.
    group = house.config.jobs[name].group
    together = [other for other, job in house.config.jobs.items() if group and job.group == group]
    return runner.tick(house, only=together or [name])


def result(house: House, done: Result) -> dict[str, Any]:
    """Return what a tick did, for `run --json`."""
    return {
        "tick": done.tick,
        "started_at": stamp(done.started_at, house.zone),
        "exit_code": done.exit_code,
        "runs": [
            {
                **event.payload,
                "scheduled_for": _slot(event.payload.get("scheduled_for"), house.zone),
                "event": event.name,
            }
            for event in done.events
            if event.name.startswith("job_") and event.name != "job_started"
        ],
        "busy": done.busy,
        "troubles": done.troubles,
    }


def _slot(value: object, zone: str) -> str | None:
    return stamp(value, zone) if isinstance(value, int) else None


def plan(house: House) -> list[dict[str, Any]]:
    """Return what a tick would start now, in order and with the reason; nothing is changed (gates are asked)."""
    from scheduled import claims, planner

    now = int(clock.now())
    with looking(house.paths) as ledger:
        house.config.switch(ledger.toggles())
        closed = claims.closed_gates(ledger, house.config, now)
        around = planner.Around(
            pauses=ledger.pauses(now),
            closed=closed,
            budget=house.config.max_runs,
            triggers=tuple(ledger.triggers()),
        )
        found = planner.plan(
            house.config.jobs, claims.foreseen(ledger, house.config, now), now, around=around
        )
    starts = [
        {
            "job": start.claim.job,
            "scheduled_for": stamp(start.claim.slot, house.zone),
            "slots": start.claim.slots,
            "attempt": start.claim.attempt,
            "why": planner.why(start),
        }
        for start in found.starts
    ]
    waiting = [{"job": name, "waits": job.waits} for name, job in found.jobs.items() if job.waits]
    return [*starts, *waiting]


@contextmanager
def looking(paths: Paths) -> Iterator[SqliteLedger]:
    """Open the ledger for looking only; where there is none yet, one that knows nothing and leaves no trace."""
    ledger = read_ledger(paths) if paths.ledger.exists() else SqliteLedger.nothing()
    with using(ledger):
        yield ledger


def read_ledger(paths: Paths) -> SqliteLedger:
    """Open the ledger for looking only; raises StateError if there is none yet."""
    if not paths.ledger.exists():
        raise StateError(f"{paths.ledger}: there is no ledger yet; the first `scheduled run` makes it")
    return SqliteLedger(paths.ledger, read_only=True)


def emit(house: House, name: str, payload: dict[str, Any], *, dry_run: bool) -> list[str]:
    """Tell of an event; return the jobs that the next tick starts for it."""
    from scheduled import chains, spool
    from scheduled.events import Event

    if dry_run:
        return list(chains.listeners(house.config.jobs, Event(name=spool.event_name(name), payload=payload)))
    with house.ledger() as ledger:
        return spool.emit(ledger, house, name, payload, clock.now())


def check(config_file: Path, paths: Paths, drafts: config.Drafts = MappingProxyType({})) -> dict[str, Any]:
    """Return every fault and doubt in the configuration; raises ConfigError if it can't be read at all."""
    from scheduled import checks

    with looking(paths) as ledger:
        every = ledger.meta("cadence")
    return checks.check(config_file, drafts, every=None if every is None else int(every))


def needed_cadence(config_file: Path) -> int:
    """Return how often ticks have to come, in minutes; without a configuration the usual."""
    from scheduled import cadence

    schedules = (
        [job.schedule for job in config.load(config_file).jobs.values()] if config_file.exists() else []
    )
    return cadence.needed(schedules, int(clock.now())) // MINUTE


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
    with looking(paths) as ledger:
        found = ledger.history(job=job, limit=limit, since=since, status=status)
        return [_run(row, zone) for row in found]


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
        "host": row.host,
    }


def audit(
    paths: Paths, zone: str, *, after: Instant | None = None, until: Instant | None = None
) -> dict[str, Any]:
    """Recompute every slot there had to be, or those in (after, until]; return whether the ledger accounts for each."""
    ledger = read_ledger(paths)
    try:
        seen = snapshot.idle_until(paths.snapshot) or int(ledger.meta("planned") or 0)
        runs = [run.run_id for run in ledger.open_runs()]
        horizon = int(ledger.meta("horizon") or 0)
        span = max(after or 0, horizon), seen if until is None else min(until, seen)
        found = audited(ledger.epochs(), ledger.slot_rows(), ledger.job_rows(), runs, seen, span)
    finally:
        ledger.close()
    return {
        "ok": not found.problems,
        "slots": found.slots,
        "horizon": stamp(found.horizon, zone),
        "problems": [
            {"job": problem.job, "slot": stamp(problem.slot, zone), "problem": problem.problem}
            for problem in found.problems
        ],
    }
