"""Begin and end the epochs of jobs where the configuration differs from the ledger.

Functions that write are called inside an exclusive transaction of the caller.
"""

from collections.abc import Collection

from scheduled.config.config import Config
from scheduled.core import epochs, left_open
from scheduled.core.epochs import EpochChange
from scheduled.core.events import Event
from scheduled.core.keys import JobKey
from scheduled.core.runs import JobState, Span
from scheduled.engine import dropped, edits, gaps, skips
from scheduled.engine.planning import with_occupied
from scheduled.schedules.zones import Instant
from scheduled.state.ledger import Ledger
from scheduled.state.verdicts import record_verdict


def register(ledger: Ledger, config: Config, now: Instant, made_now: Collection[str] = ()) -> list[Event]:
    """Begin and end epochs where the configuration differs from the open epochs; *now* is in UTC seconds.

    The edits of the jobs *made_now* were made now. Do nothing if another process has registered a newer configuration.
    Return the events to publish after the commit: one for each skip of open slots or of a start request.
    """
    if edits.is_outdated(ledger, config, now):
        return []
    if config.jobs.with_changing_targets:
        from scheduled.config.last_targets import recall  # most configurations have no such list

        recall(config, ledger)  # another process may have changed them since they were read
    if config.jobs.counts_from_end:
        from scheduled.engine import intervals  # most configurations have none

        intervals.renew_overdue(ledger, ledger.job_states(), now)
    stranded = dropped.retries(ledger, config, now)
    changes = edits.changes(ledger, config, now, made_now)
    for change in changes:
        _write(ledger, change, now)
    edits.remember(ledger, config)
    events = [*stranded, *(event for change in changes for event in _skipped_by(change, config.timezone))]
    events += dropped.by_changes(ledger, config, changes, made_now, now)
    skips.announce(ledger, config.jobs, events, now)
    return events


def _skipped_by(change: EpochChange, zone: str) -> list[Event]:
    """Return the events about the open slots that *change* skips."""
    run, found = change.abandoned, []
    if run is not None and run.slot is not None:
        found.append(skips.of_run(run, change.reason, zone))
    if change.skipped is not None:
        found.append(skips.skipped(change.key, change.skipped, change.reason, zone))
    return found


def foreseen(ledger: Ledger, config: Config, now: Instant) -> dict[JobKey, JobState]:
    """Return the job states as they will be after `register`, without writing."""
    job_states = epochs.after(ledger.job_states(), edits.changes(ledger, config, now))
    if not config.jobs.counts_from_end:
        return with_occupied(ledger, config.jobs, job_states, now)
    from scheduled.core import intervals  # most configurations have none

    job_states = intervals.overdue_renewed(job_states, now)
    return with_occupied(ledger, config.jobs, job_states, now)


def _write(ledger: Ledger, change: EpochChange, now: Instant) -> None:
    if change.continues:
        times = epochs.slots_of(change.begins, change.boundary)
        for row in ledger.rows_after(change.key, change.boundary):
            if times.last_until(row.span.first) != row.span.first:
                ledger.cut(change.key, row.span.first, None)  # skipped in advance, and now no slot any more
        ledger.continue_epoch(change.key, change.begins, change.boundary)
        return
    run, reason = change.abandoned, change.reason
    if run is not None and run.slot is not None:
        ledger.record_verdict(change.key, Span(run.slot, run.slot, 1), "skipped", reason, run.run_id, now)
        ledger.close_run(run.run_id, "skipped", reason)
    if change.skipped is not None:
        record_verdict(ledger, change.key, change.skipped, "skipped", reason, None, now)
    if change.ends:
        _end(ledger, change)
    if change.begins:
        ledger.begin_epoch(change.key, change.begins, change.boundary)
        if left_open.has_slots_before(change.begins, change.boundary, int(ledger.meta(gaps.PLANNED) or 0)):
            ledger.wait(change.key, "due", now)  # until a tick plans the job


def _end(ledger: Ledger, change: EpochChange) -> None:
    for row in ledger.rows_after(change.key, change.boundary):
        # A slot that was skipped in advance is not a slot of the new schedules.
        ledger.cut(change.key, row.span.first, None)
    ledger.advance(change.key, change.boundary)
    ledger.end_epoch(change.key, change.boundary)
    ledger.wait(change.key, None, None)
    if change.target and change.reason == epochs.REMOVED:
        ledger.forget_status(change.key)
