"""Whether the retries of a run can last until the next slot, which then replaces them."""

from itertools import islice, pairwise

import msgspec

from scheduled.core.epochs import slots_of
from scheduled.core.holds import first_allowed
from scheduled.core.jobs import Job, Retry
from scheduled.schedules.durations import duration
from scheduled.schedules.windows import in_words
from scheduled.schedules.zones import DAY, Instant, Seconds

CHECKED_SLOTS, CHECKED_TIME = 62, 366 * DAY


def span(retry: Retry) -> Seconds:
    """Return the longest sum of the pauses between all attempts of a run."""
    return sum(_pauses(retry))


def _pauses(retry: Retry) -> list[Seconds]:
    """Return the longest pauses between the attempts of a run, in order."""
    plain = msgspec.structs.replace(retry, jitter=0)
    return [plain.pause_after(failures) + retry.jitter for failures in range(1, retry.max_attempts)]


def periods(job: Job, now: Instant) -> list[Seconds]:
    """Return the times between the next slots of *job*, at most `CHECKED_SLOTS` of them; none if it has no two."""
    slots = islice(slots_of(job.schedules, now).between(now, now + CHECKED_TIME), CHECKED_SLOTS)
    return [later - earlier for earlier, later in pairwise(slots)]


def warning(job: Job, now: Instant) -> str | None:
    """Return a warning if a slot of *job* comes due before the last attempt of the slot before it, otherwise None.

    With `catch_up = "all"` there is none: the retry goes first.
    """
    if job.catch_up == "all" or job.retry.max_attempts == 1:
        return None
    period = min(periods(job, now), default=None)
    needed = span(job.retry)
    if period is None:
        return None
    if needed < period:
        return _beyond_hours(job, needed, now)
    return (
        f"the last of {job.retry.max_attempts} attempts can start {duration(needed)} after the first, but a newer slot "
        f"comes {duration(period)} after a slot: it replaces the retry, and the run ends as failed; "
        f"{_advice(job, 'shorten the delay')}"
    )


def _beyond_hours(job: Job, needed: Seconds, now: Instant) -> str | None:
    """Return a warning if attempts of *job* wait for its next allowed hours, in which a newer slot comes first."""
    if job.not_between is None:
        return None
    slots = islice(slots_of(job.schedules, now).between(now, now + CHECKED_TIME), CHECKED_SLOTS)
    if all(_last_attempt(job, slot) < newer + job.delay for slot, newer in pairwise(slots)):
        return None
    hours, longer = f"its quiet hours ({_hours(job)}) begin before", "write shorter quiet hours"
    if job.between is not None:
        hours, longer = f"its window (`between`, {_hours(job)}) ends before", "write a longer window"
    return (
        f"the last of {job.retry.max_attempts} attempts can start {duration(needed)} after the first, but {hours}: the retry"
        " waits, a newer slot replaces it when it could start, and the run ends as failed; "
        f"{_advice(job, 'shorten the delay', longer)}"
    )


def _advice(job: Job, *what: str) -> str:
    """Return what helps; `catch_up` has no effect with `once_per`."""
    each = [*what, *([] if job.is_once_per_period else ['set catch_up = "all"'])]
    return f"{', '.join(each[:-1])}, or {each[-1]}" if len(each) > 1 else each[0]


def _last_attempt(job: Job, slot: Instant) -> Instant:
    """Return when the last attempt of a run of *slot* can start, if each fails at once."""
    at = first_allowed(job, slot + job.delay)
    for pause in _pauses(job.retry):
        at = first_allowed(job, at + pause)
    return at


def _hours(job: Job) -> str:
    window = job.between or job.not_between
    return "" if window is None else in_words(window.start, window.end)
