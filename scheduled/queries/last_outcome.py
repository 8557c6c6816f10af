"""What last became of a job, as one sentence: the result of its last run, or the last slot if that was skipped."""

from scheduled.core.keys import JobKey
from scheduled.core.records import RunRow, SlotRow
from scheduled.core.runs import OPEN
from scheduled.queries.explain_slot import STATUSES, when, why_skipped
from scheduled.queries.view import View
from scheduled.state.ledger import Ledger

OF_ATTEMPT = ("skipped", "stopped")  # of an attempt: its run was skipped when it ended
SEARCHED = 20  # newest runs, among which one has ended


def last_outcome(view: View, ledger: Ledger, key: JobKey) -> str:
    """Return the sentence about the last ended run of *key*, and about a later slot that was skipped."""
    runs = ledger.history(job=key.job, target=key.target, limit=SEARCHED)
    ended = next((run for run in runs if run.status not in OPEN), None)
    skipped = _skipped_after(view, ledger, key, ended)
    none = "No run of it has ended yet." if runs else _no_run(view, ledger, key)
    ran = none if ended is None else _ran(view, ended, _ended_at(ledger, ended))
    return f"{ran} {skipped}" if skipped else ran


def _no_run(view: View, ledger: Ledger, key: JobKey) -> str:
    """Return that the ledger has no run of *key*, and, if there were runs, from when on it would have."""
    row = view.rows.get(key)
    if row is None or row.window_start is None:
        return "It has not run yet."
    first = min((epoch.starts_at + 1 for epoch in ledger.epochs() if epoch.key == key), default=0)
    begins = max(first, int(ledger.meta("horizon") or 0))
    last = when(row.window_start, view)
    return f"The ledger begins at {when(begins, view)} and has no run of it; its slot of {last} succeeded before."


def _ended_at(ledger: Ledger, run: RunRow) -> float | None:
    """Return when *run* ended: after its last attempt, if it was given up while it waited; None if this is not known."""
    attempts = ledger.attempts(run.run_id)
    if run.status != "skipped" or not attempts or attempts[-1].status in OF_ATTEMPT:
        return run.finished_at
    row = None if run.slot is None else ledger.row_at(run.key, run.slot)
    return row.decided_at if row is not None and row.run_id == run.run_id else None


def _ran(view: View, run: RunRow, at: float | None) -> str:
    slot = f" for its slot of {when(run.slot, view)}" if run.slot is not None else ""
    finished = f" at {when(int(at), view)}" if at else ""
    attempts = f" after {run.attempt} attempts" if run.attempt > 1 else ""
    reason = f": {run.reason}" if run.reason else ""
    return f"Its last run{slot} {STATUSES.get(run.status, run.status)}{finished}{attempts}{reason}."


def _skipped_after(view: View, ledger: Ledger, key: JobKey, run: RunRow | None) -> str:
    """Return the sentence about the last decided slot if it was skipped after *run*, otherwise an empty text."""
    job_state = view.job_states.get(key)
    row = None if job_state is None else ledger.row_at(key, job_state.position)
    if row is None or row.verdict != "skipped" or row.run_id is not None:
        return ""
    if run is not None and run.slot is not None and run.slot >= row.span.last:
        return ""
    return f"{_slots(view, row)} skipped: {why_skipped(view, key, row.reason)}."


def _slots(view: View, row: SlotRow) -> str:
    if row.span.count == 1:
        return f"Its slot of {when(row.span.last, view)} was"
    return f"Its {row.span.count} slots up to {when(row.span.last, view)} were"
