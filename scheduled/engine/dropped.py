"""Drop what waits to start a job that was removed, or that its new definition no longer starts: with a trace.

Called inside an exclusive transaction of the caller, when the configuration is registered.
"""

from collections.abc import Collection, Iterable

from scheduled.config.files import Config
from scheduled.core import starts
from scheduled.core.epochs import EDITED, REMOVED, EpochChange
from scheduled.core.events import Event
from scheduled.core.jobs import Job
from scheduled.core.keys import JobKey
from scheduled.core.records import Claimant
from scheduled.core.runs import AFTER, StartRequest
from scheduled.engine import skips
from scheduled.schedules.zones import Instant
from scheduled.state.binding import host_of
from scheduled.state.ledger import Ledger

NO_TICK = "dropped"  # in place of a tick's name in these runs: no tick executes them


def by_changes(
    ledger: Ledger, config: Config, changes: Iterable[EpochChange], made_now: Collection[str], now: Instant
) -> list[Event]:
    """Skip start requests, and runs without a slot that wait for a retry, which outlived the definition of their job.

    *changes* are those of the epochs, *made_now* the jobs that a command edits. Return the events to announce and publish.
    Chain steps stay: their chain continues without them, see `lost_steps`.
    """
    ended = {change.key: change.reason for change in changes if change.ends and not change.continues}
    events = [
        request(ledger, row, reason, config.timezone, now)
        for row in ledger.start_requests()
        if not row.parent and (reason := _why(config, row, ended.get(row.key), made_now)) is not None
    ]
    return events + _waiting(ledger, {key for key, why in ended.items() if why == REMOVED}, config.timezone)


def _why(config: Config, row: StartRequest, ended: str | None, made_now: Collection[str]) -> str | None:
    """Return why *row* must not start a job any more; None if it may. *ended* is why the epoch of its job ended."""
    job = config.jobs.get(row.job)
    if job is None:
        return REMOVED if ended == REMOVED or row.job in made_now else None
    return EDITED if ended == EDITED or not _starts(job, row) else None


def _starts(job: Job, row: StartRequest) -> bool:
    """Return whether *job* is still defined to be started by what made *row*, if an event or another job did."""
    if row.event == AFTER:
        return bool(job.after)
    return not job.on or job.on == row.event


def request(ledger: Ledger, row: StartRequest, reason: str, zone: str, now: float) -> Event:
    """Replace a start request by a run that was skipped for *reason*, so that `history` has it; return its event."""
    ledger.take_start_request(row.id)
    claim = starts.requested(row, None).claim
    ledger.claim(claim, Claimant(tick=NO_TICK, boot="", host=host_of(ledger)), now)
    run = ledger.open_run(claim.run_id)
    assert run is not None  # the id of a start request is never used again
    ledger.close_run(run.run_id, "skipped", reason)
    return skips.of_run(run, reason, zone)


def _waiting(ledger: Ledger, keys: Collection[JobKey], zone: str) -> list[Event]:
    runs = [run for run in ledger.open_runs() if run.key in keys and run.status == "waiting_retry"]
    runs = [run for run in runs if run.slot is None and not run.parent]
    for run in runs:
        ledger.close_run(run.run_id, "skipped", REMOVED)
    return [skips.of_run(run, REMOVED, zone) for run in runs]
