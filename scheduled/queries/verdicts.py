"""Each job's newest verdicts in a row, oldest first: how it has been doing, at a glance."""

from collections.abc import Iterable
from typing import Any

from scheduled.clock import stamp
from scheduled.core.records import RunRow, SlotRow
from scheduled.queries.view import View
from scheduled.schedules.zones import DAY, Instant
from scheduled.state.ledger import Ledger

NEWEST = 30
WITHOUT_RUNS = 30 * DAY  # how far back to look where nothing ever ran


def strips(view: View, ledger: Ledger, limit: int = NEWEST) -> dict[str, list[dict[str, Any]]]:
    """Return the newest *limit* verdicts of every configured job; runs that no schedule asked for among them."""
    return {name: strip(view, ledger, name, limit) for name in view.config.jobs}


def strip(view: View, ledger: Ledger, name: str, limit: int = NEWEST) -> list[dict[str, Any]]:
    """Return the newest *limit* verdicts of one job."""
    runs = ledger.history(job=name, limit=limit)
    since = _since(runs, view.now)
    rows = [*map(_of_slots, ledger.rows_after(name, since)), *_beside(runs)]
    newest = sorted(rows, key=lambda row: row["at"])[-limit:]
    return [
        {**row, "at": stamp(row["at"], view.zone), "until": stamp(row["until"], view.zone)} for row in newest
    ]


def _since(runs: list[RunRow], now: Instant) -> Instant:
    instants = [run.slot for run in runs if run.slot is not None]
    return min(instants) - 1 if instants else now - WITHOUT_RUNS


def _of_slots(row: SlotRow) -> dict[str, Any]:
    span = row.span
    return _entry(span.first, span.last, span.count, row.verdict or "", row.reason, row.run_id)


def _beside(runs: Iterable[RunRow]) -> Iterable[dict[str, Any]]:
    """Yield the runs whose slot has no verdict yet, and those that have no slot."""
    for run in runs:
        if run.slot is None or run.finished_at is None or run.status == "waiting_retry":
            at = int(run.claimed_at) if run.slot is None else run.slot
            yield _entry(at, at, run.slots, run.status, run.reason, run.run_id)


def _entry(
    first: Instant, last: Instant, slots: int, verdict: str, reason: str, run_id: str | None
) -> dict[str, Any]:
    return {
        "at": first,
        "until": last,
        "slots": slots,
        "verdict": verdict,
        "reason": reason or None,
        "run_id": run_id,
    }
