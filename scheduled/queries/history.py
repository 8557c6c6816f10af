"""`history`: the runs, and the newest statuses of the runs and slots of each job."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, get_args

from scheduled import clock, question
from scheduled.clock import stamp
from scheduled.config.named import each_target, known_key
from scheduled.core.keys import JobKey
from scheduled.core.records import RunRow, SkippedRow, SlotRow
from scheduled.core.runs import RunStatus, Span
from scheduled.errors import ConfigError, UnknownError, require_between
from scheduled.instance import Instance
from scheduled.queries.last_known import config_of
from scheduled.queries.logs import RunsOf, runs_of
from scheduled.queries.run_details import details, outcome, with_steps
from scheduled.schedules.instants import ago
from scheduled.schedules.zones import DAY, Instant
from scheduled.state.ledger import Ledger
from scheduled.state.open import read_only

if TYPE_CHECKING:
    from scheduled.queries.view import View

MOST = 1_000_000  # the largest `limit` of runs
NEWEST = 30
WITHOUT_RUNS = 30 * DAY  # how far back to read verdicts of a job that never ran


def history(
    instance: Instance,
    job: str | None = None,
    since: str | None = None,
    status: str | None = None,
    limit: int = 20,
) -> list[dict[str, Any]]:
    """Return the newest *limit* runs and skipped spans of slots, of one job or target or of all, newest first.

    A span of slots that were skipped without a run has no `run_id`; it is listed at the time of the decision. *since* is
    an age such as `2h`, or an ISO 8601 instant. If there are none, the reason is in `instance.notes`. Raise ConfigError if
    an argument is not valid.
    """
    require_between("limit", limit, 1, MOST)
    found = config_of(instance)
    first = None if since is None else ago(since, found.timezone, clock.now())
    wanted = _checked_status(status)
    with read_only(instance.paths) as ledger:
        of = RunsOf() if job is None else runs_of(ledger, found, job)
        rows = ledger.history(job=of.job, target=of.target, limit=limit, since=first, status=wanted)
        dated = [
            (row.claimed_at, with_steps(_run(row, found.timezone), ledger, row, found.timezone))
            for row in question.each(rows)
        ]
        if wanted in (None, "skipped"):
            spans = ledger.skipped(job=of.job, target=of.target, limit=limit, since=first)
            dated += [(row.decided_at, skipped_span(row, found.timezone)) for row in question.each(spans)]
        question.refuse_long(min(limit, len(dated)))
        instance.notes = [] if dated else [_none(ledger, job, of)]
    dated.sort(key=lambda entry: entry[0], reverse=True)
    return [document for _, document in dated[:limit]]


def _none(ledger: Ledger, job: str | None, of: RunsOf) -> str:
    """Return why there are no such runs, and what shows more."""
    newest = next(iter(ledger.history(job=of.job, target=of.target, limit=1)), None)
    if newest is None and job is None:
        return "no job has run yet; `scheduled next` shows when the first ones run"
    if newest is None:
        return f"{job} has not run yet; `scheduled explain {job}` shows when it runs"
    return (
        f"the newest run is {newest.run_id} ({newest.status}); without options, `scheduled history` lists all"
    )


def one_run(instance: Instance, run_id: str) -> dict[str, Any]:
    """Return one run, with the fields of `history` and those of `run_details.details`; *asks*: it waits for an answer.

    Raise UnknownError if there is no such run.
    """
    zone = config_of(instance).timezone
    with read_only(instance.paths) as ledger:
        row = ledger.run(run_id)
        if row is None:
            raise UnknownError(f"{run_id}: no such run; `scheduled history` lists them")
        asks = row.status == "waiting_retry" and row.retry_at is None
        return {**with_steps(_run(row, zone), ledger, row, zone), **details(ledger, row, zone), "asks": asks}


def _checked_status(word: str | None) -> str | None:
    """Return *word* unchanged. Raise ConfigError unless it is a status of runs, or None."""
    if word is not None and word not in get_args(RunStatus):
        raise ConfigError(f"status: must be one of {', '.join(get_args(RunStatus))}, got {word}")
    return word


def _run(row: RunRow, zone: str) -> dict[str, Any]:
    return {
        "run_id": row.run_id,
        "job": row.job,
        "target": row.target or None,
        "scheduled_for": stamp(row.slot if row.slot is not None else row.requested_for, zone),
        "slots": row.slots,
        "trigger": row.trigger,
        "attempt": row.attempt,
        **outcome(row, zone),
        "reason": row.shown_reason,
        "host": row.host_name or row.host,
        "host_id": row.host,
        "result": row.result,
    }


def skipped_span(row: SkippedRow, zone: str) -> dict[str, Any]:
    """Return slots that were skipped without a run, with the fields of a run; they are named by the newest slot."""
    return {
        "run_id": None,
        "job": row.job,
        "target": row.target or None,
        "scheduled_for": stamp(row.span.last, zone),
        "slots": row.span.count,
        "trigger": "schedule",
        "attempt": 0,
        "status": "skipped",
        "reason": row.reason or None,
        "started_at": None,
        "finished_at": stamp(row.decided_at, zone),
        "duration_ms": None,
        "exit_code": None,
        "host": None,
        "host_id": None,
        "result": None,
    }


def recent_statuses(instance: Instance, job: str | None = None) -> dict[str, list[dict[str, Any]]]:
    """Return the newest statuses of the job or target *job*, or of every job, by this name, oldest first.

    A status is the verdict of a slot or of a span of slots, or the status of a run without a verdict.

    Raise ConfigError with the nearest name if there is no such job.
    """
    from scheduled.queries.view import open_view

    with open_view(instance) as (view, ledger):
        names = list(view.config.jobs) if job is None else [job]
        keys = {name: known_key(view.config, name) for name in names}
        return {name: newest_statuses(view, ledger, key) for name, key in question.each(keys.items())}


def newest_statuses(view: "View", ledger: Ledger, key: JobKey, limit: int = NEWEST) -> list[dict[str, Any]]:
    """Return the newest *limit* statuses of a target, or of a job and all its targets, oldest first.

    See `recent_statuses`.
    """
    runs = ledger.history(job=key.job, target=key.target or None, limit=limit)
    since = _since(runs, view.now)
    slots = (row for one in each_target(view.config, key) for row in ledger.rows_after(one, since))
    rows = [*map(_of_slots, slots), *_of_runs(runs)]
    newest = sorted(rows, key=lambda row: row["at"])[-limit:]
    return [
        {**row, "at": stamp(row["at"], view.zone), "until": stamp(row["until"], view.zone)} for row in newest
    ]


def _since(runs: list[RunRow], now: Instant) -> Instant:
    instants = [run.slot for run in runs if run.slot is not None]
    return min(instants) - 1 if instants else now - WITHOUT_RUNS


def _of_slots(row: SlotRow) -> dict[str, Any]:
    span = row.span
    return _entry(row.key, span, row.verdict or "", row.reason, row.run_id)


def _of_runs(runs: Iterable[RunRow]) -> Iterable[dict[str, Any]]:
    """Yield an entry for each run without a slot, and for each run of a slot that has no verdict yet."""
    for run in runs:
        if run.slot is None or run.finished_at is None or run.status == "waiting_retry":
            at = int(run.claimed_at) if run.slot is None else run.slot
            yield _entry(run.key, Span(at, at, run.slots), run.status, run.reason, run.run_id)


def _entry(key: JobKey, span: Span, status: str, reason: str, run_id: str | None) -> dict[str, Any]:
    return {
        "target": key.target or None,
        "at": span.first,
        "until": span.last,
        "slots": span.count,
        "status": status,
        "reason": reason or None,
        "run_id": run_id,
    }
