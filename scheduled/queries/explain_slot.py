"""`explain JOB --at T`: the verdict of one slot and its reason, from the configuration and the ledger."""

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

from scheduled.clock import minute, stamp
from scheduled.core.approvals import DENIED, NOT_IN_TIME
from scheduled.core.epochs import REMOVED, base_of, open_slots_of, slots_of, span_between
from scheduled.core.keys import JobKey
from scheduled.core.no_catch_up import SUPERSEDED_AT_GATE
from scheduled.core.records import Epoch, RunRow, SlotRow
from scheduled.core.targets import had_none
from scheduled.queries import assumptions, describe
from scheduled.queries.view import View
from scheduled.schedules.schedule import counts_from_end
from scheduled.schedules.zones import MINUTE, Instant
from scheduled.state.ledger import Epochs, Ledger, Meta

STATUSES = {
    "success": "succeeded",
    "timed_out": "timed out",
    "skipped": "was skipped",
    "stopped": "was stopped",
    "interrupted": "was interrupted",
    "claimed": "is about to start",
    "running": "is running",
    "waiting_retry": "waits for its next attempt",
}
SKIPPED = {
    "late": "it was later than its `grace` allows",
    "missed": 'it was missed, and the job has `catch_up = "none"`',
    "superseded": 'a newer slot was due before it could run, and the job has `catch_up = "none"`',
    SUPERSEDED_AT_GATE: 'its gate was closed when a newer slot was due, and the job has `catch_up = "none"`',
    "catch_up_limit": "more slots were missed than `catch_up_limit` allows",
    "edited": "the schedule was changed before it ran",
    "disabled": "the job was disabled before it ran",
    "removed": "the job was removed from the configuration before it ran",
    "overlap": 'a run of the job was under way when it came due, and the job has `overlap = "skip"`',
    "gate": "its gate stayed closed until `gate_deadline`",
    "by hand": "you skipped it with `scheduled skip`",
    DENIED: "you denied it with `scheduled deny`",
    NOT_IN_TIME: "it was not approved in time",
}
OPEN = {
    "waiting_retry": "its run waits for a retry",
    "gate": "its gate is closed",
    "quiet": "the job's quiet hours are not over",
    "budget": "the last tick reached the limits of `[catch_up]`",
    "paused": "the job is paused",
    "running": "a run of the job or of its group has not ended",
    "queued": "an earlier run of the job has not ended, or no executor has taken it yet: the next tick starts it",
    "group": "another job of its group is running",
    "jitter": "its `jitter` delays it",
    "start_delay": "its `start_delay` after a boot is not over",
    "after": "the jobs that it runs after have not ended",
    "ask": "its run waits for your decision",
    "deferred": "its run was deferred (exit code 75)",
    "due": "the next tick starts its run",
}


OVERLAPS = {
    "queue": 'if it came due during it, it runs after it (`overlap = "queue"`)',
    "skip": 'if it came due during it, it will be skipped (`overlap = "skip"`)',
}


def explain_slot(view: View, ledger: Ledger, key: JobKey, at: Instant) -> dict[str, Any]:
    """Return the verdict, with its reason, of the last slot of *key* at or before *at*; a minute names the only slot in it."""
    known = list(_epochs(view, ledger, key))
    epoch, slot = _epoch_at(known, _named(known, at))
    if epoch is None or slot is None or slot <= epoch.starts_at:
        return {
            "job": key.job,
            "target": key.target or None,
            "sentence": _no_slot(view, key, epoch, at),
            "at": stamp(at, view.zone),
            "slot": None,
        }
    row = ledger.row_at(key, slot)
    row = row if row is not None and row.span.last >= slot else None
    run = ledger.run(row.run_id) if row and row.run_id else None
    return {
        "job": key.job,
        "target": key.target or None,
        "sentence": _then(view, ledger, key, slot, row, run),
        "at": stamp(at, view.zone),
        "slot": stamp(slot, view.zone),
        "schedule": describe.written(epoch.schedules),
        "schedule_words": describe.schedules(epoch.schedules, view.zone),
        "zone": epoch.schedules[0].zone,
        "epoch": stamp(epoch.starts_at, view.zone),
        "epoch_ended": stamp(epoch.ends_at, view.zone),
        "verdict": row.verdict if row else None,
        "reason": (row.reason or None) if row else None,
        "decided_together": row.span.count if row else None,
        "run": run_document(run, view.zone) if run else None,
        "next_slot": stamp(slots_of(epoch.schedules, epoch.starts_at).next_after(slot), view.zone),
    }


def _named(known: Sequence[Epoch], at: Instant) -> Instant:
    """Return the only slot of the epochs *known* in the minute that begins *at*; otherwise *at*, as `only_slot_in_minute` does."""
    if at % MINUTE:
        return at
    slots: set[Instant] = set()
    for epoch in known:
        last = min(at + MINUTE - 1, at + MINUTE if epoch.ends_at is None else epoch.ends_at)
        times = slots_of(epoch.schedules, epoch.starts_at)
        slots.update(islice(times.between(max(at - 1, epoch.starts_at), last), 2))
    return slots.pop() if len(slots) == 1 else at


def _epoch_at(known: Sequence[Epoch], at: Instant) -> tuple[Epoch | None, Instant | None]:
    """Return the epoch of *known* that contains *at*, and its last slot until then.

    With `from = "end"` it is the one before if the next interval has just begun.
    """
    epoch = next((found for found in known if _contains(found, at)), None)
    if epoch is None:
        return None, None
    slot = slots_of(epoch.schedules, epoch.starts_at).last_until(at)
    before = [found for found in known if found.ends_at == epoch.starts_at < at]
    if slot is None and counts_from_end(epoch.schedules) and before and counts_from_end(before[-1].schedules):
        return _epoch_at(known, epoch.starts_at)
    return epoch, slot


def _epochs(view: View, ledger: Epochs, key: JobKey) -> Iterator[Epoch]:
    job_state = view.job_states.get(key)
    if job_state is not None and job_state.schedules:  # the epoch that the next tick would record
        schedules = job_state.schedules
        yield Epoch(
            job=key.job, target=key.target, starts_at=job_state.epoch, ends_at=None, schedules=schedules
        )
    yield from (found for found in ledger.epochs() if found.key == key)


def _contains(epoch: Epoch, at: Instant) -> bool:
    return epoch.starts_at < at and (epoch.ends_at is None or at <= epoch.ends_at)


def _no_slot(view: View, key: JobKey, epoch: Epoch | None, at: Instant) -> str:
    unknown = had_none(view.lists.get(key.job), at) if key.target else None
    if unknown is not None:
        return f"It had no slot at {when(at, view)}: no target of {key.job} was known then, because {unknown.why}."
    if epoch is None:
        was_no = f"was no target of {key.job}" if key.target else "did not exist yet"
        return (
            f"It was not scheduled at {when(at, view)}: it {was_no}, it was disabled,"
            " or its records of that time were deleted."
        )
    return f"It had no slot between {when(epoch.starts_at, view)}, when its schedule took effect, and {when(at, view)}."


def _then(
    view: View, ledger: Ledger, key: JobKey, slot: Instant, row: SlotRow | None, run: RunRow | None
) -> str:
    subject = f"Its slot of {when(slot, view)}"
    if row is None and slot > view.now:
        return f"{subject} is in the future."
    if row is None:
        return f"{subject} {_undecided(view, ledger, key, slot)}"
    if row.verdict == "skipped":
        return f"{subject} was skipped: {why_skipped(view, key, row.reason)}."
    if row.verdict == "coalesced":
        return f"{subject} was coalesced into {row.run_id}{_status(run)}."
    if row.verdict is None:
        return f"{subject} has the run {row.run_id}{_status(run)}."
    return f"{subject} {_ran(view, row, row.verdict, run)}."


def _ran(view: View, row: SlotRow, verdict: str, run: RunRow | None) -> str:
    ended = STATUSES.get(verdict, verdict)
    if row.run_id is None:
        return f"{ended} (the record of its run was deleted)"
    attempts = f" after {run.attempt} attempts" if run is not None and run.attempt > 1 else ""
    finished = f" at {when(int(run.finished_at), view)}" if run is not None and run.finished_at else ""
    reason = f": {row.reason}" if row.reason else ""
    return f"ran as {row.run_id}, which {ended}{finished}{attempts}{reason}"


def why_skipped(view: View, key: JobKey, reason: str) -> str:
    """Return the *reason* of a skipped slot of *key* in words."""
    if reason == REMOVED and key.target and key.job in view.config.jobs:
        return f"its target was no longer in the list of {key.job}"
    return SKIPPED.get(reason, reason or "no reason is recorded")


def _status(run: RunRow | None) -> str:
    if run is None:
        return " (its record was deleted)"
    if run.status == "waiting_retry" and run.retry_at is None:
        return ", which waits for your decision"
    return f", which {STATUSES.get(run.status, run.status)}"


def _undecided(view: View, ledger: Meta, key: JobKey, slot: Instant) -> str:
    horizon = int(ledger.meta("horizon") or 0)
    if slot < horizon:
        return f"is older than the records, which begin at {when(horizon, view)}."
    if (other := _goes_first(view, key, slot)) is not None:
        return f"is open: {other}."
    row = view.rows.get(key)
    reason = row.open_reason if row else None
    why = OPEN.get(reason, reason) if reason else "it runs at the next tick"
    if reason == "budget" and view.config.max_runs is None and key.job not in view.with_sessions:
        why = "the last tick was stopped before it started its run"
    return f"is open: {why}.{assumptions.no_tick(view)}"


def _goes_first(view: View, key: JobKey, slot: Instant) -> str | None:
    """Return which other open slot of the job has its turn instead of *slot*; None if it is the turn of *slot*."""
    job, job_state = view.config.jobs[key.job], view.job_states.get(key)
    if job_state is None:
        return None
    span = span_between(open_slots_of(job_state), base_of(job_state), view.now - job.delay)
    own = job_state.open_run.slot if job_state.open_run else None
    first = own if own is not None else span.first if span else slot
    if job.catch_up == "all" and first < slot:
        return f"the older slot of {when(first, view)} runs first"
    if job_state.busy and job.overlap in OVERLAPS and span is not None and slot >= span.first:
        return f"a run of the job is under way; {OVERLAPS[job.overlap]}"
    if job.catch_up == "latest" and span is not None and slot < span.last:
        return f"the run of the slot of {when(span.last, view)} will cover it"
    return None


def run_document(run: RunRow, zone: str) -> dict[str, Any]:
    """Return the fields of a run that an explanation contains."""
    return {
        "run_id": run.run_id,
        "target": run.target or None,
        "scheduled_for": stamp(run.slot if run.slot is not None else run.requested_for, zone),
        "status": run.status,
        "reason": run.shown_reason,
        "attempts": run.attempt,
        "finished_at": stamp(run.finished_at, zone),
    }


def when(instant: Instant, view: View) -> str:
    """Return an instant as `2026-03-04 05:00`, in the configured zone."""
    return minute(instant, view.zone)
