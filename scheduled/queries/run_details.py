"""One run in full: its attempts, its place in a chain, and the steps of a chain with their runs and results."""

from typing import Any

from scheduled.clock import stamp
from scheduled.core.chain_steps import steps_of
from scheduled.core.keys import JobKey
from scheduled.core.records import CHAIN, AttemptRow, RunRow
from scheduled.errors import ConfigError
from scheduled.instance import Instance
from scheduled.queries.jobs import job
from scheduled.state.ledger import Ledger
from scheduled.state.open import read_only


def job_or_run(instance: Instance, name: str) -> dict[str, Any]:
    """Return the document of `job` or, if there is no such job, of `one_run`. Raise the error of `job` if there is neither.

    A run is also shown if the configuration cannot be read: `instance.config_error` is then the reason.
    """
    from scheduled.queries.history import one_run

    try:
        return job(instance, name)
    except ConfigError:
        with read_only(instance.paths) as ledger:
            known = ledger.run(name) is not None
        if not known:
            raise
        instance.without_config = True
        return one_run(instance, name)


def details(ledger: Ledger, row: RunRow, zone: str) -> dict[str, Any]:
    """Return the fields that one run has in addition to a run of `history`.

    `attempts` are the attempts that have ended. `parent` is the chain run that started it, or None. `steps` are the
    steps of a chain, each a list of jobs with their runs; None for other runs.
    """
    return {
        "parent": row.parent or None,
        "attempts": [_attempt(attempt, zone) for attempt in ledger.attempts(row.run_id)],
        "steps": steps(ledger, row, zone),
    }


def with_steps(document: dict[str, Any], ledger: Ledger, row: RunRow, zone: str) -> dict[str, Any]:
    """Return the *document* of a run; for the run of a chain its `result` has the `steps`, each with the result of its run."""
    found = steps(ledger, row, zone)
    return (
        document if found is None else {**document, "result": {**(document["result"] or {}), "steps": found}}
    )


def steps(ledger: Ledger, row: RunRow, zone: str) -> list[list[dict[str, Any]]] | None:
    """Return the steps of a chain's run, with null fields for a job that has not started; None for other runs."""
    found = steps_of(row, ledger.children(row.run_id)) if row.tick == CHAIN else None
    return None if found is None else [[_step(key, run, zone) for key, run in step] for step in found]


def _step(key: JobKey, run: RunRow | None, zone: str) -> dict[str, Any]:
    return {
        "job": key.job,
        "target": key.target or None,
        "run_id": run.run_id if run else None,
        "status": run.status if run else None,
        "reason": (run.reason or None) if run else None,
        "started_at": stamp(run.started_at, zone) if run else None,
        "finished_at": stamp(run.finished_at, zone) if run else None,
        "duration_ms": run.duration_ms if run else None,
        "exit_code": run.exit_code if run else None,
        "result": run.result if run else None,
    }


def outcome(row: RunRow | AttemptRow, zone: str) -> dict[str, Any]:
    """Return how a run or an attempt ended, and when, with instants in *zone*."""
    return {
        "status": row.status,
        "reason": row.reason or None,
        "started_at": stamp(row.started_at, zone),
        "finished_at": stamp(row.finished_at, zone),
        "duration_ms": row.duration_ms,
        "exit_code": row.exit_code,
    }


def _attempt(row: AttemptRow, zone: str) -> dict[str, Any]:
    return {
        "attempt": row.attempt,
        **outcome(row, zone),
        "has_output": row.printed,
        "result": row.result,
    }
