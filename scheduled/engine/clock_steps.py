"""Handle backward steps of the clock, after which slots in the future already have a verdict.

After a small step nothing is done: the slots keep their verdicts, and nothing runs twice. The tolerance
depends on the job: half its period, but at least 5 minutes and, as in Debian's cron, at most 3 hours. After a
larger step (a wrong RTC, a boot in 2037) a job would not run until the clock has caught up. So if a job would
wait for longer than its period plus the tolerance, the verdicts of its future slots are saved and removed, and the
job continues from now. They are restored if the clock jumps forward beyond them again (a boot in 1970, then
the time from the network), so that no slot runs twice.
"""

from collections.abc import Mapping

from scheduled.core.epochs import base_of, minute_before, open_slots_of, slots_of, span_between
from scheduled.core.jobs import Job
from scheduled.core.judgement import DEFERRAL
from scheduled.core.keys import JobKey
from scheduled.core.runs import JobState, OpenRun
from scheduled.schedules.schedule import counts_from_end
from scheduled.schedules.timetable import Timetable
from scheduled.schedules.zones import DAY, HOUR, MINUTE, Instant
from scheduled.state.ledger import Epochs, Ledger

LEAST_TOLERANCE = 5 * MINUTE
GREATEST_TOLERANCE = 3 * HOUR  # as in Debian's cron
DOUBT = 7 * DAY  # after this time the clock counts as right, and the saved verdicts are dropped


def frozen(jobs: Mapping[str, Job], job_states: Mapping[JobKey, JobState], now: Instant) -> list[JobKey]:
    """Return the jobs and targets that a clock step has frozen.

    A job is frozen if its position is so far ahead that it would wait for longer than its period plus the
    tolerance.
    """
    return [key for key, found in job_states.items() if key.job in jobs and _is_frozen(found, now)]


def _is_frozen(job_state: JobState, now: Instant) -> bool:
    reached = base_of(job_state)
    if reached <= now + LEAST_TOLERANCE or job_state.busy:
        return False  # a job with a run under way is checked again when the run has ended
    if counts_from_end(job_state.schedules):
        times, period = open_slots_of(job_state), int(job_state.schedules[0].expression)
    else:
        times = slots_of(job_state.schedules, min(job_state.epoch, minute_before(now)))
        first = times.next_after(now)
        second = None if first is None else times.next_after(first)
        if first is None or second is None:
            return False
        period = second - first
    upcoming = times.next_after(reached)
    return upcoming is None or upcoming - now > period + tolerance(period)


def tolerance(period: Instant) -> Instant:
    """Return the largest backward step of the clock, in seconds, that is ignored for a job with this *period*."""
    return max(LEAST_TOLERANCE, min(GREATEST_TOLERANCE, period // 2))


def step_back(ledger: Ledger, jobs: Mapping[str, Job], now: Instant) -> str | None:
    """Rewind the jobs that a backward clock step has frozen, inside the caller's transaction.

    Return a warning for the user, or None if no job was frozen.
    """
    for run in ledger.open_runs():
        if run.job in jobs and _waits_too_long(jobs[run.job], run, now):
            ledger.retry_now(run.run_id, now)
    job_states = ledger.job_states(sorted(ledger.keys_ahead(now + LEAST_TOLERANCE)))
    keys = frozen(jobs, job_states, now)
    if not keys:
        return None
    ahead = max(base_of(job_states[key]) for key in keys) - now
    for key in keys:
        _rewind(ledger, job_states[key], now)
    return (
        f"the clock went back: {_jobs(len(keys))} had verdicts for slots up to {_duration(ahead)} ahead;"
        f" {'it' if len(keys) == 1 else 'they'} {_continue(len(keys))} from now"
    )


def _waits_too_long(job: Job, run: OpenRun, now: Instant) -> bool:
    """Return whether a retry is due later than the longest possible delay: the clock must have gone back."""
    longest = max(job.retry.pause_after(job.retry.max_attempts) + job.retry.jitter, DEFERRAL)
    return run.retry_at is not None and run.retry_at > now + longest + LEAST_TOLERANCE


def _rewind(ledger: Ledger, job_state: JobState, now: Instant) -> None:
    _give_up(ledger, job_state.open_run, now)
    reached = minute_before(now)
    ledger.rewind(job_state.key, reached)
    for row in ledger.rows_after(job_state.key, reached):
        times = _times_at(ledger, job_state.key, row.span.first)
        ledger.cut(job_state.key, row.span.first, span_between(times, row.span.first - 1, reached))


def _times_at(ledger: Epochs, key: JobKey, slot: Instant) -> Timetable:
    epoch = [one for one in ledger.epochs() if one.key == key and one.starts_at < slot][-1]
    return slots_of(epoch.schedules, epoch.starts_at)


def _give_up(ledger: Ledger, run: OpenRun | None, after: Instant) -> None:
    """Close a run that waits for a retry of a slot later than *after* (UTC seconds)."""
    if run is not None and run.status == "waiting_retry" and run.slot is not None and run.slot > after:
        ledger.close_run(run.run_id, "skipped", "the clock was changed")
        ledger.cut(run.key, run.slot, None)


def leap_forward(ledger: Ledger, before: float | None, now: Instant, *, leapt: bool) -> str | None:
    """Restore saved verdicts if the clock has jumped forward beyond them, in the caller's transaction.

    *before* is the instant of the last tick, *leapt* is whether there was a gap since then. Suspended
    verdicts are dropped if the clock reached them without a jump, if the jump is too short to undo the
    backward step, or if a week has passed: then the clock was wrong before it went back. Return a warning for
    the user, or None if no verdict was restored.
    """
    restored = set()
    for saved in ledger.saved_positions():
        if before is not None and before - saved.back_to > DOUBT:
            ledger.delete_saved_position(saved)
        elif saved.position > now:
            continue
        elif leapt and (before is None or now - before > saved.position - saved.back_to - LEAST_TOLERANCE):
            restored.add(saved.key)
        else:
            ledger.delete_saved_position(saved)
    job_states = ledger.job_states() if restored else {}
    for key in sorted(restored):
        if key in job_states:
            _give_up(ledger, job_states[key].open_run, 0)
        ledger.restore_positions(key, now)
    if not restored:
        return None
    jobs = f"{_jobs(len(restored))} {_continue(len(restored))}"
    return f"the clock is right again: {jobs} from the position before it went back"


def _jobs(count: int) -> str:
    return "1 job" if count == 1 else f"{count} jobs"


def _continue(count: int) -> str:
    return "continues" if count == 1 else "continue"


def _duration(seconds: int) -> str:
    """Return a duration in whole days, or in minutes if it is shorter than a day."""
    days, rest = divmod(seconds, DAY)
    count, unit = (days, "day") if days else (rest // 60, "minute")
    return f"{count} {unit}" if count == 1 else f"{count} {unit}s"
