"""`skip --undo`: slots that were skipped by hand are open again, unless something was decided after them."""

from collections.abc import Sequence
from typing import Any

from scheduled import clock
from scheduled.clock import stamp
from scheduled.commands.changing import changing
from scheduled.commands.of_targets import document, of_each
from scheduled.config.named import known_key, target_keys
from scheduled.core.epochs import only_slot_in_minute
from scheduled.core.events import Event
from scheduled.core.jobs import Job
from scheduled.core.judgement import BY_HAND
from scheduled.core.keys import JobKey
from scheduled.core.records import SlotRow
from scheduled.core.runs import JobState, Span
from scheduled.engine import start_requests
from scheduled.engine.runtime import Runtime, open_runtime
from scheduled.errors import BusyError, ConfigError
from scheduled.instance import Instance
from scheduled.schedules.instants import read
from scheduled.schedules.zones import Instant
from scheduled.state.ledger import Ledger
from scheduled.state.open import read_only


def unskip(instance: Instance, job: str, slot: str | None = None, *, dry_run: bool = False) -> dict[str, Any]:
    """Open the slots of a job or target again that were skipped by hand, or with *slot* only that one.

    A job with `for_each` means all its targets; those with nothing to undo are left out, unless there is nothing at all.

    These are future slots, and the newest past ones if no later slot is decided. Raise ConfigError if there is none, or
    *slot* is none of them; BusyError while the job runs.
    """
    runtime = open_runtime(instance)
    keys, named = target_keys(runtime.config, [job]), known_key(runtime.config, job)
    instant = None if slot is None else read(slot, runtime.zone)
    with read_only(runtime.paths) as reader:
        found = of_each(keys, lambda key: _to_open(runtime, reader, key, instant))
    if not dry_run:
        with changing(runtime) as ledger:
            found = of_each(keys, lambda key: _to_open(runtime, ledger, key, instant))
            for rows in found:
                _open(ledger, rows, runtime.config.jobs[named.job], int(clock.now()))
            events = [_event(row, runtime.zone) for rows in found for row in rows]
            start_requests.announce(ledger, runtime.config.jobs, events, clock.now())
        runtime.publish(events)
    spans = {rows[0].key: _together(rows) for rows in found}
    return {
        **document(named, spans, runtime.zone),
        "retries": [],
        "skipped": 0,
        "undone": sum(span.count for span in spans.values()),
        "dry_run": dry_run,
    }


def _together(rows: Sequence[SlotRow]) -> Span:
    return Span(rows[0].span.first, rows[-1].span.last, sum(row.span.count for row in rows))


def _to_open(runtime: Runtime, ledger: Ledger, key: JobKey, slot: Instant | None) -> Sequence[SlotRow]:
    """Return the rows to delete, oldest first. Raise the errors of `unskip`."""
    name = key.display_name
    job_state = ledger.job_states().get(key)
    if job_state is None:
        raise ConfigError(f"{name}: is disabled; `scheduled enable {name}` first")
    if job_state.busy:
        raise BusyError(f"{name}: is running; end the run with `scheduled stop RUN` first")
    slot = None if slot is None else only_slot_in_minute(job_state, slot)
    found = [*_newest(ledger, job_state), *_future(ledger, job_state)]
    chosen = [row for row in found if slot is None or row.span.first <= slot <= row.span.last]
    if not chosen:
        which = "no slot was" if slot is None else f"the slot {stamp(slot, runtime.zone)} was not"
        raise ConfigError(
            f"{name}: nothing to undo: {which} skipped by hand, or a later slot is decided;"
            f" `scheduled run {name}` runs it now"
        )
    return chosen


def _newest(ledger: Ledger, job_state: JobState) -> list[SlotRow]:
    """Return the rows by hand that end at the position, oldest first, back to the first other row.

    A row with a run ends them too: its run waits again, and a job has one waiting run for its slots.
    """
    found: list[SlotRow] = []
    position = job_state.position
    while job_state.open_run is None and position > job_state.epoch:
        row = ledger.row_at(job_state.key, position)
        if row is None or not _by_hand(row) or row.span.first <= job_state.epoch:
            break
        found.insert(0, row)
        position = row.span.first - 1
        if row.run_id is not None:
            break
    return found


def _future(ledger: Ledger, job_state: JobState) -> list[SlotRow]:
    rows = ledger.rows_after(job_state.key, job_state.position)
    return [row for row in rows if row.span.first > job_state.position and _by_hand(row)]


def _by_hand(row: SlotRow) -> bool:
    return row.verdict == "skipped" and row.reason == BY_HAND


def _open(ledger: Ledger, rows: Sequence[SlotRow], job: Job, now: Instant) -> None:
    """Open the slots *rows* again. A run that the skip ended waits again; its next attempt is due now."""
    for row in rows:
        retry_at = None if row.run_id is not None and _asks(ledger, job, row.run_id) else now
        waits = row.run_id is not None and ledger.reopen_run(row.run_id, retry_at)
        ledger.reopen(row.key, row.span.first, keeps_run=waits)
    if rows[0].span.first <= now:
        ledger.wait(rows[0].key, "due", now)  # the next tick plans it


def _asks(ledger: Ledger, job: Job, run_id: str) -> bool:
    """Return whether a run of *job* waits for a decision: its last attempt was interrupted, or it was not approved."""
    attempts, row = ledger.attempts(run_id), ledger.run(run_id)
    if job.approve is not None and row is not None and row.attempt == 0:
        return True
    return job.on_interrupted == "ask" and bool(attempts) and attempts[-1].status == "interrupted"


def _event(row: SlotRow, zone: str) -> Event:
    payload = {
        "job": row.job,
        **({"target": row.target} if row.target else {}),
        "scheduled_for": stamp(row.span.last, zone),
        "slots": row.span.count,
    }
    return Event(name="skip_undone", payload=payload)
