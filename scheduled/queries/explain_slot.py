"""`explain JOB --at T`: what became of one slot, and why; from configuration and ledger alone."""

from collections.abc import Iterator
from typing import Any

from scheduled.clock import stamp
from scheduled.core.epochs import slots_of
from scheduled.core.jobs import key_of
from scheduled.core.keys import JobKey
from scheduled.core.records import Epoch, RunRow, SlotRow
from scheduled.queries import describe
from scheduled.queries.view import View
from scheduled.schedules.zones import Instant
from scheduled.state.ledger import Ledger, Meta, Positions

BECAME = {
    "success": "succeeded",
    "timed_out": "timed out",
    "skipped": "was skipped",
    "interrupted": "was interrupted",
    "claimed": "is about to start",
    "running": "is running",
    "waiting_retry": "waits to be tried again",
}
SKIPPED = {
    "late": "it was later than its `grace` allows",
    "missed": 'it was missed, and `catch_up = "none"`',
    "catch_up_limit": "more were missed than `catch_up_limit` allows",
    "edited": "its schedule was changed before it ran",
    "gate": "its gate did not hold until `gate_deadline`",
    "by hand": "somebody skipped it by hand",
}


def explain_slot(view: View, ledger: Ledger, name: str, at: Instant) -> dict[str, Any]:
    """Say what became of the slot at or before *at*, and why."""
    job = view.job(name)
    key = key_of(job)
    epoch = next((found for found in _epochs(view, ledger, key) if _holds(found, at)), None)
    slot = slots_of(epoch.schedules, epoch.starts_at).last_until(at) if epoch else None
    if epoch is None or slot is None or slot <= epoch.starts_at:
        said = f"No slot of it was due at {when(at, view)} or before, since its schedule came into force"
        said = f"{said} at {when(epoch.starts_at, view)}." if epoch else _no_epoch(view, at)
        return {
            "job": name,
            "target": key.target or None,
            "sentence": said,
            "at": stamp(at, view.zone),
            "slot": None,
        }
    row = ledger.row_at(key, slot)
    row = row if row is not None and row.span.last >= slot else None
    run = ledger.run(row.run_id) if row and row.run_id else None
    return {
        "job": name,
        "target": key.target or None,
        "sentence": _then(view, ledger, key, slot, row, run),
        "at": stamp(at, view.zone),
        "slot": stamp(slot, view.zone),
        "schedule": describe.written(epoch.schedules),
        "zone": epoch.schedules[0].zone,
        "epoch": stamp(epoch.starts_at, view.zone),
        "epoch_ended": stamp(epoch.ends_at, view.zone),
        "verdict": row.verdict if row else None,
        "reason": (row.reason or None) if row else None,
        "decided_together": row.span.count if row else None,
        "run": run_document(run, view.zone) if run else None,
        "next_slot": stamp(slots_of(epoch.schedules, epoch.starts_at).next_after(slot), view.zone),
    }


def _epochs(view: View, ledger: Positions, key: JobKey) -> Iterator[Epoch]:
    yield from (found for found in ledger.epochs() if found.key == key)
    job_state = view.job_states.get(key)
    if job_state is not None and job_state.schedules:  # what the next tick would write down
        schedules = job_state.schedules
        yield Epoch(
            job=key.job, target=key.target, starts_at=job_state.epoch, ends_at=None, schedules=schedules
        )


def _holds(epoch: Epoch, at: Instant) -> bool:
    return epoch.starts_at < at and (epoch.ends_at is None or at <= epoch.ends_at)


def _no_epoch(view: View, at: Instant) -> str:
    return f"At {when(at, view)} it was not scheduled: it was not known yet, disabled, or that is no longer kept."


def _then(
    view: View, ledger: Ledger, key: JobKey, slot: Instant, row: SlotRow | None, run: RunRow | None
) -> str:
    its = f"Its slot of {when(slot, view)}"
    if row is None and slot > view.now:
        return f"{its} is to come."
    if row is None:
        return f"{its} {_undecided(view, ledger, key, slot)}"
    if row.verdict == "skipped":
        return f"{its} was skipped: {SKIPPED.get(row.reason, row.reason or 'for no stated reason')}."
    if row.verdict == "coalesced":
        return f"{its} was coalesced into {row.run_id}{_became(run)}."
    if row.verdict is None:
        return f"{its} has its run, {row.run_id}{_became(run)}."
    attempts = f" after {run.attempt} attempts" if run is not None and run.attempt > 1 else ""
    finished = f" at {when(int(run.finished_at), view)}" if run is not None and run.finished_at else ""
    reason = f": {row.reason}" if row.reason else ""
    return f"{its} ran as {row.run_id}, which {BECAME.get(row.verdict, row.verdict)}{finished}{attempts}{reason}."


def _became(run: RunRow | None) -> str:
    return (
        f", which {BECAME.get(run.status, run.status)}"
        if run is not None
        else ", whose record is no longer kept"
    )


def _undecided(view: View, ledger: Meta, key: JobKey, slot: Instant) -> str:
    horizon = int(ledger.meta("horizon") or 0)
    if slot < horizon:
        return f"is older than what is kept (since {when(horizon, view)})."
    row = view.rows.get(key)
    reason = row.open_reason if row else None
    return f"is open: {reason}." if reason else "is open: the next tick takes it up."


def run_document(run: RunRow, zone: str) -> dict[str, Any]:
    """Return a run as an explanation shows it."""
    return {
        "run_id": run.run_id,
        "target": run.target or None,
        "scheduled_for": stamp(run.slot if run.slot is not None else run.asked_for, zone),
        "status": run.status,
        "reason": run.reason or None,
        "attempts": run.attempt,
        "finished_at": stamp(run.finished_at, zone),
    }


def when(instant: Instant, view: View) -> str:
    """Return an instant to the minute, in the zone that people read instants in."""
    return (stamp(instant, view.zone) or "")[:16].replace("T", " ")
