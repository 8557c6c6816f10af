"""The retries that a tick at work makes itself: it waits for those close at hand instead of leaving them to the next tick."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from scheduled.config.config import Config
from scheduled.core.jobs import Job
from scheduled.core.judgement import is_not_now
from scheduled.core.keys import JobKey
from scheduled.core.records import CHAIN
from scheduled.core.runs import OpenRun
from scheduled.core.starts import runs_in_order
from scheduled.core.tick_times import began_at
from scheduled.engine.follow_ups import RETRY_LIMIT, RETRY_WAIT
from scheduled.engine.gaps import last_planned
from scheduled.errors import StateError
from scheduled.paths import Paths
from scheduled.schedules.zones import Instant
from scheduled.state.ledger import Ledger
from scheduled.state.locks import is_held


class OwnRetry(NamedTuple):
    """A retry that is due at *at*, in the future, and that the tick which began at *began* makes at this instant.

    The tick starts no slots after *began*. *left* is how many runs for slots it may still start (None: any number),
    *events* how many for events.
    """

    at: Instant
    key: JobKey
    began: Instant
    left: int | None = None
    events: int | None = None


def own_retries(ledger: Ledger, config: Config, paths: Paths, now: Instant) -> tuple[OwnRetry, ...]:
    """Return the retries after *now* that ticks at work make themselves, in order."""
    found, planned = [], last_planned(ledger, now)
    jobs, max_runs, asked = config.jobs, config.max_runs, bool(ledger.requested_keys())
    for run, retry_at in _waiting(ledger, jobs, now):
        began = began_at(run.tick)
        # A tick that a person started for a job plans no slots, and makes no retries of them.
        if began is None or began > planned or retry_at - began >= RETRY_LIMIT:
            continue
        if _is_close(ledger, jobs[run.job], run, retry_at, began) and _is_at_work(paths, run):
            left = None if max_runs is None else max(0, max_runs - _spent(ledger, run.tick, began))
            events = max(0, config.max_event_runs - _for_events(ledger, run.tick, began)) if asked else None
            found.append(OwnRetry(retry_at, run.key, began, left, events))
    return tuple(sorted(found))


def _waiting(ledger: Ledger, jobs: Mapping[str, Job], now: Instant) -> Iterator[tuple[OpenRun, Instant]]:
    """Yield the runs that the tick of their last attempt may start again, each with its retry after *now*."""
    for run in ledger.open_runs():
        if run.status != "waiting_retry" or run.retry_at is None or run.retry_at <= now:
            continue
        by_hand = run.slot is not None and run.trigger == "manual"
        if run.job in jobs and not by_hand:
            yield run, run.retry_at


def _is_close(ledger: Ledger, job: Job, run: OpenRun, retry_at: Instant, began: Instant) -> bool:
    """Return whether *retry_at* was close at hand when the tick that *began* then last planned the job.

    It plans a job when a run of it ends, also another one than *run*.
    """
    if (
        not is_not_now(run.reason)
        and job.retry.pause_after(run.attempt - run.deferrals, run.run_id) <= RETRY_WAIT
    ):
        return True
    rows = ledger.history(job=run.job, since=began, limit=-1)
    ended = (row for row in rows if row.tick == run.tick and row.run_id != run.run_id)
    return any(
        retry_at - row.finished_at <= RETRY_WAIT
        for row in ended
        if row.finished_at is not None and (row.slot is None or row.status != "success" or runs_in_order(job))
    )


def is_any_at_work(ledger: Ledger, paths: Paths) -> bool:
    """Return whether a tick is at work that has started a run which has not ended."""
    runs = {run.tick: run for run in ledger.open_runs() if run.tick != CHAIN}
    return any(_is_at_work(paths, run) for run in runs.values())


def _is_at_work(paths: Paths, run: OpenRun) -> bool:
    try:
        return is_held(paths.results_of(run.tick))
    except StateError:  # a directory of another user: it cannot be found out
        return False


def _for_events(ledger: Ledger, tick: str, began: Instant) -> int:
    """Return how many runs for events the *tick*, which began at *began*, has started."""
    rows = ledger.history(since=began, limit=-1)
    return sum(row.tick == tick and row.trigger == "event" for row in rows)


def _spent(ledger: Ledger, tick: str, began: Instant) -> int:
    """Return how many runs for slots the *tick*, which began at *began*, has started: their attempts since then."""
    under_way = {run.run_id: run.status for run in ledger.open_runs() if run.tick == tick and run.slot}
    rows = [row for row in ledger.history(since=began, limit=-1) if row.tick == tick and row.slot is not None]
    attempts = [
        one for run_id in {*under_way, *(row.run_id for row in rows)} for one in ledger.attempts(run_id)
    ]
    running = sum(status != "waiting_retry" for status in under_way.values())
    return running + sum((one.started_at or 0) >= began for one in attempts)
