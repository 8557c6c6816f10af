"""Drop what waits to start a job that was removed or disabled, or that its new definition no longer starts: with a trace.

`by_changes` is called inside an exclusive transaction of the caller, when the configuration is registered. It drops a portion
of what waits for removed and disabled jobs; `rest` drops what is left, after the commit, with a transaction for each portion,
and the conditions of handlers that no longer run.
"""

from collections.abc import Collection, Iterable, Iterator

from scheduled.actions.registry import handler_of
from scheduled.config.config import Config
from scheduled.core import starts
from scheduled.core.epochs import DISABLED, EDITED, REMOVED, EpochChange
from scheduled.core.events import Event
from scheduled.core.jobs import Job, job_of
from scheduled.core.keys import JobKey
from scheduled.core.records import Claimant
from scheduled.core.runs import AFTER, Span, StartRequest
from scheduled.engine import skips
from scheduled.notify.problems import OWNER
from scheduled.schedules.zones import Instant
from scheduled.state.binding import host_of
from scheduled.state.ledger import Conditions, Ledger

PORTION = 500  # start requests or conditions that a transaction drops: other processes wait for its end
NO_TICK = "dropped"  # in place of a tick's name in these runs: no tick executes them


def by_changes(
    ledger: Ledger, config: Config, changes: Iterable[EpochChange], made_now: Collection[str], now: Instant
) -> list[Event]:
    """Skip start requests, and runs without a slot that wait for a retry, which outlived the definition of their job.

    *changes* are those of the epochs, *made_now* the jobs that a command edits. Return the events to announce and publish.
    Chain steps stay: their chain continues without them, see `lost_steps`.
    """
    ended = {change.key: change.reason for change in changes if change.ends and not change.continues}
    gone = _gone(ledger, config, made_now)
    events = [
        request(ledger, row, EDITED, config.timezone, now)
        for key in ledger.requested_keys()
        if key not in gone and key.job in config.jobs
        for row in ledger.start_requests_of(key)
        if ended.get(key) == EDITED or not _starts(config.jobs[key.job], row)
    ]
    events += _portion(ledger, config, made_now, now)
    return events + _waiting(ledger, {key for key, why in ended.items() if why == REMOVED}, config.timezone)


def rest(
    ledger: Ledger, config: Config, now: Instant, made_now: Collection[str] = ()
) -> Iterator[list[Event]]:
    """Drop what `by_changes` left, in portions; yield the events to publish of each after its commit."""
    while _gone(ledger, config, made_now):
        with ledger.transaction():
            events = _portion(ledger, config, made_now, now)
            skips.announce(ledger, config.jobs, events, now)
        if not events:
            break
        yield events
    while subjects := without_subject(ledger, config, made_now):
        with ledger.transaction():
            ledger.forget_conditions(subjects[0], PORTION)


def without_subject(ledger: Conditions, config: Config, made_now: Collection[str] = ()) -> list[JobKey]:
    """Return the jobs and targets with conditions that were removed, or have no handler any more: nothing checks these.

    Whether they are still true is not known, so their end is no recovery.
    """
    keys = [key for key in ledger.condition_keys() if key != OWNER]
    return [key for key in keys if _lacks_handler(config, key, job_of(config.jobs, key), made_now)]


def _lacks_handler(config: Config, key: JobKey, job: Job | None, made_now: Collection[str]) -> bool:
    if job is None:
        return _is_removed(config, key, made_now)
    return not config.unreadable and not handler_of(job.action)


def _portion(ledger: Ledger, config: Config, made_now: Collection[str], now: Instant) -> list[Event]:
    """Drop up to PORTION start requests of removed and disabled jobs and targets."""
    events: list[Event] = []
    for key, reason in _gone(ledger, config, made_now).items():
        rows = ledger.start_requests_of(key, PORTION - len(events))
        events += [request(ledger, row, reason, config.timezone, now) for row in rows]
    return events


def _gone(ledger: Ledger, config: Config, made_now: Collection[str]) -> dict[JobKey, str]:
    """Return the jobs and targets with a start request that are removed or disabled, and which.

    Jobs *made_now* are not in a file that can't be read.
    """
    found = {}
    for key in ledger.requested_keys():
        job = job_of(config.jobs, key)
        if job is not None and not job.enabled:
            found[key] = DISABLED
        elif job is None and _is_removed(config, key, made_now):
            found[key] = REMOVED
    return found


def _is_removed(config: Config, key: JobKey, made_now: Collection[str]) -> bool:
    """Return whether *key*, which is not configured, was removed, and is not in a file that can't be read now."""
    return key.job in config.jobs or not config.problems or key.job in made_now


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


def retries(ledger: Ledger, config: Config, now: Instant) -> list[Event]:
    """Skip the slots of runs that wait for a retry of a job or target without an open epoch; return the events to publish.

    Such a run should not exist. Without an epoch no tick starts it, and a later epoch would replay its slot.
    """
    waiting = [run for run in ledger.open_runs() if run.status == "waiting_retry" and run.slot is not None]
    known = ledger.job_states({run.key for run in waiting}) if waiting else {}
    events = []
    for run in (run for run in waiting if run.key not in known):
        reason = REMOVED if job_of(config.jobs, run.key) is None else DISABLED
        assert run.slot is not None
        ledger.record_verdict(run.key, Span(run.slot, run.slot, 1), "skipped", reason, run.run_id, now)
        ledger.close_run(run.run_id, "skipped", reason)
        events.append(skips.of_run(run, reason, config.timezone))
    return events


def _waiting(ledger: Ledger, keys: Collection[JobKey], zone: str) -> list[Event]:
    runs = [run for run in ledger.open_runs() if run.key in keys and run.status == "waiting_retry"]
    runs = [run for run in runs if run.slot is None and not run.parent]
    for run in runs:
        ledger.close_run(run.run_id, "skipped", REMOVED)
    return [skips.of_run(run, REMOVED, zone) for run in runs]
