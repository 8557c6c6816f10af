"""The clock went back: what was decided for instants that are in the future again.

A small step is slept through: slots that have a verdict keep it, and nothing runs twice. How small depends on the
job: half its period, but five minutes at least and, as for Debian's cron, three hours at most. After a longer one (a
wrong RTC, a boot in 2037) jobs would stand still until the old future comes by, so for each job that would wait for
longer than its period and that, the verdicts of future slots are laid aside. They count again if the clock leaps
forward beyond them (a boot in 1970, then the network's time), so that nothing is replayed.
"""

from collections.abc import Mapping

from scheduled.core.epochs import base_of, minute_before, slots_of, span_between
from scheduled.core.jobs import Job
from scheduled.core.judgement import DEFERRAL
from scheduled.core.keys import JobKey
from scheduled.core.runs import JobState, OpenRun
from scheduled.schedules.timetable import Timetable
from scheduled.schedules.zones import DAY, HOUR, MINUTE, Instant
from scheduled.state.ledger import Ledger, Positions

SLEPT_THROUGH = 5 * MINUTE
AS_CRON = 3 * HOUR
DOUBTED = 7 * DAY  # for so long the time that the clock went back to may be the wrong one


def frozen(jobs: Mapping[str, Job], job_states: Mapping[JobKey, JobState], now: Instant) -> list[JobKey]:
    """Return the jobs, or targets, whose next slot lies further ahead than one of their periods, because of their position."""
    return [
        key for key, found in job_states.items() if key.job in jobs and _is_frozen(jobs[key.job], found, now)
    ]


def _is_frozen(job: Job, job_state: JobState, now: Instant) -> bool:
    reached = base_of(job_state)
    if reached <= now + SLEPT_THROUGH or job_state.busy:
        return False  # of a run under way its end tells
    times = slots_of(job.schedules, min(job_state.epoch, minute_before(now)))
    first = times.next_after(now)
    second = None if first is None else times.next_after(first)
    if first is None or second is None:
        return False
    upcoming = times.next_after(reached)
    return upcoming is None or upcoming - now > second - first + slept_through(second - first)


def slept_through(period: Instant) -> Instant:
    """Return how far the clock may go back without a job of that *period* doing anything again, in seconds."""
    return max(SLEPT_THROUGH, min(AS_CRON, period // 2))


def step_back(ledger: Ledger, jobs: Mapping[str, Job], now: Instant) -> str | None:
    """Free the jobs that a clock step froze, inside the caller's transaction; return what to say about it."""
    for run in ledger.open_runs():
        if run.job in jobs and _waits_too_long(jobs[run.job], run, now):
            ledger.retry_now(run.run_id, now)
    job_states = ledger.job_states()
    keys = frozen(jobs, job_states, now)
    if not keys:
        return None
    ahead = max(base_of(job_states[key]) for key in keys) - now
    for key in keys:
        _rewind(ledger, job_states[key], now)
    return f"the clock went back: {len(keys)} jobs stood up to {_words(ahead)} ahead; they go on from now"


def _waits_too_long(job: Job, run: OpenRun, now: Instant) -> bool:
    """Return whether a retry lies further ahead than any is ever put off."""
    longest = max(job.retry.pause_after(job.retry.max_attempts) + job.retry.jitter, DEFERRAL)
    return run.retry_at is not None and run.retry_at > now + longest + SLEPT_THROUGH


def _rewind(ledger: Ledger, job_state: JobState, now: Instant) -> None:
    _give_up(ledger, job_state.open_run, now)
    reached = minute_before(now)
    ledger.rewind(job_state.key, reached)
    for row in ledger.rows_after(job_state.key, reached):
        times = _times_at(ledger, job_state.key, row.span.first)
        ledger.cut(job_state.key, row.span.first, span_between(times, row.span.first - 1, reached))


def _times_at(ledger: Positions, key: JobKey, slot: Instant) -> Timetable:
    epoch = [one for one in ledger.epochs() if one.key == key and one.starts_at < slot][-1]
    return slots_of(epoch.schedules, epoch.starts_at)


def _give_up(ledger: Ledger, run: OpenRun | None, after: Instant) -> None:
    """Let go of a run that waits for its next attempt at a slot later than *after*."""
    if run is not None and run.status == "waiting_retry" and run.slot is not None and run.slot > after:
        ledger.close_run(run.run_id, "skipped", "the clock was changed")
        ledger.cut(run.key, run.slot, None)


def leap_forward(ledger: Ledger, before: float | None, now: Instant, *, leapt: bool) -> str | None:
    """Let the jobs that the clock went back for stand where they stood, if it has now *leapt* to there again.

    *before* is the last tick's instant. What the clock came to by and by, or after a gap too short to undo the step,
    or was away from for a week, is dropped: that was the wrong time. Inside the caller's transaction; returns what to
    say about it.
    """
    again = set()
    for aside in ledger.laid_aside():
        if before is not None and before - aside.back_to > DOUBTED:
            ledger.forget_aside(aside)
        elif aside.position > now:
            continue
        elif leapt and (before is None or now - before > aside.position - aside.back_to - SLEPT_THROUGH):
            again.add(aside.key)
        else:
            ledger.forget_aside(aside)
    job_states = ledger.job_states() if again else {}
    for key in sorted(again):
        if key in job_states:
            _give_up(ledger, job_states[key].open_run, 0)
        ledger.take_back(key, now)
    return f"the clock is right again: {len(again)} jobs go on from where they stood" if again else None


def _words(seconds: int) -> str:
    days, rest = divmod(seconds, DAY)
    return f"{days} days" if days else f"{rest // 60} minutes"
