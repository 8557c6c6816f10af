"""The slots that jobs were given too late to run: those of a schedule that was written after them."""

from collections.abc import Iterable, Mapping

from scheduled.core.epochs import minute_before, slots_of
from scheduled.core.jobs import Job, keys_of
from scheduled.schedules.schedule import same
from scheduled.schedules.zones import Instant
from scheduled.state.ledger import Ledger


def too_late(
    jobs: Mapping[str, Job], ledger: Ledger | None, now: Instant
) -> Iterable[tuple[Job, Instant, str]]:
    """Yield the slots that enabled jobs were given too late to run, with what follows: the last one, or instants of a list.

    A slot was missed if it has no verdict and the job got its present schedules only after it.
    """
    for job in jobs.values():
        slots, what = _past(job, now) if job.enabled else ((), "")
        job_states = ledger.job_states(keys_of(job)) if ledger is not None and slots else {}
        for slot in slots:
            for key in keys_of(job):
                row, job_state = ledger.row_at(key, slot) if ledger else None, job_states.get(key)
                decided = row is not None and row.span.last >= slot
                in_time = job_state and same(job_state.schedules, job.schedules) and job_state.epoch < slot
                if not decided and not in_time:
                    yield job, slot, what
                    break


def _past(job: Job, now: Instant) -> tuple[tuple[Instant, ...], str]:
    """Return the slots in the past that *job* may have got too late, and what to do if it has."""
    times, before = slots_of(job.schedules, now), minute_before(now)
    if times.next_after(before) is None:
        last = times.last_until(before)
        what = "so the job will not run; write a future date and time"
        return () if last is None else (last,), what
    if any(schedule.kind != "at" for schedule in job.schedules):
        return (), ""
    found = tuple(times.between(-1, before))
    return found, "so it will not run then; write a future date and time, or remove it from the list"
