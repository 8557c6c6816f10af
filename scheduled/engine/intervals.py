"""Begin the next interval of jobs with `from = "end"`, inside an exclusive transaction of the caller."""

from collections.abc import Mapping

from scheduled.core import intervals
from scheduled.core.epochs import EpochChange, open_slots_of
from scheduled.core.jobs import Job
from scheduled.core.keys import JobKey
from scheduled.core.runs import JobState
from scheduled.schedules.zones import Instant
from scheduled.state.ledger import Ledger


def run_ended(ledger: Ledger, key: JobKey, end: Instant) -> None:
    """Count the interval of *key* from *end*, when a run of a slot ended."""
    for job_state in ledger.job_states([key]).values():
        change = intervals.renewal(job_state, end)
        if change is not None:
            _write(ledger, change)


def renew_overdue(ledger: Ledger, job_states: Mapping[JobKey, JobState], now: Instant) -> None:
    """Count the intervals of the jobs of which the slot was skipped from then, or from *now* if it is not known when."""
    for change in intervals.overdue(job_states, now):
        _write(ledger, change)


def due_after_skip(ledger: Ledger, job: Job, key: JobKey, now: Instant) -> Instant | None:
    """Count the interval of *key*, of which a slot was skipped *now*, from now; return when it is due next."""
    renew_overdue(ledger, ledger.job_states([key]), now)
    slot = open_slots_of(ledger.job_states([key])[key]).next_after(now)
    return None if slot is None else slot + job.delay


def _write(ledger: Ledger, change: EpochChange) -> None:
    ledger.continue_epoch(change.key, change.begins, change.boundary)
    ledger.advance(change.key, change.boundary)
