"""The clock went back: what was decided for instants that are in the future again.

A step of a few minutes is slept through: slots that have a verdict keep it, and nothing runs twice. After a longer
one (a wrong RTC, a boot in 2037) jobs would stand still until the old future comes by, so for each job that
would wait for longer than its period the verdicts of future slots are forgotten.
"""

from collections.abc import Mapping

from scheduled.epochs import base_of, minute_before, slots_of, span_between
from scheduled.jobs import MINUTE, Instant, Job, Standing
from scheduled.state.ledger import Ledger

SLEPT_THROUGH = 5 * MINUTE


def frozen(jobs: Mapping[str, Job], standings: Mapping[str, Standing], now: Instant) -> list[str]:
    """Return the jobs whose next slot lies further ahead than one of their periods, because of their position."""
    return [name for name, found in standings.items() if name in jobs and _is_frozen(jobs[name], found, now)]


def _is_frozen(job: Job, standing: Standing, now: Instant) -> bool:
    reached = base_of(standing)
    if reached <= now + SLEPT_THROUGH or standing.busy:
        return False  # of a run under way its end tells
    times = slots_of(job.schedule, min(standing.epoch, minute_before(now)))
    first = times.next_after(now)
    second = None if first is None else times.next_after(first)
    if first is None or second is None:
        return False
    upcoming = times.next_after(reached)
    return upcoming is None or upcoming - now > second - first


def step_back(ledger: Ledger, jobs: Mapping[str, Job], now: Instant) -> str | None:
    """Free the jobs that a clock step froze, inside the caller's transaction; return what to say about it."""
    standings = ledger.standings()
    names = frozen(jobs, standings, now)
    if not names:
        return None
    ahead = max(base_of(standings[name]) for name in names) - now
    for name in names:
        _rewind(ledger, jobs[name], standings[name], now)
    return f"the clock went back: {len(names)} jobs stood up to {_words(ahead)} ahead; they go on from now"


def _rewind(ledger: Ledger, job: Job, standing: Standing, now: Instant) -> None:
    times = slots_of(job.schedule, standing.epoch)
    for row in ledger.rows_after(job.name, now):
        past = span_between(times, row.span.first - 1, now) if row.span.first <= now else None
        ledger.cut(job.name, row.span.first, past)
    run = standing.open_run
    if run is not None and run.slot is not None and run.slot > now:
        ledger.close_run(run.run_id, "skipped", "the clock went back")
        ledger.cut(job.name, run.slot, None)
    ledger.rewind(job.name, minute_before(now))


def _words(seconds: int) -> str:
    days, rest = divmod(seconds, 86400)
    return f"{days} days" if days else f"{rest // 60} minutes"
