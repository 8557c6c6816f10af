"""Whether a slot may wait longer than until the next one, which then replaces it: its bound is never reached."""

from collections.abc import Iterator

from scheduled.core.jobs import Job
from scheduled.core.retry_span import periods
from scheduled.schedules.durations import duration
from scheduled.schedules.zones import Instant


def warnings(job: Job, now: Instant) -> Iterator[str]:
    """Yield a warning for `gate_deadline` and for `grace` if the next slot always comes first.

    A slot that a closed gate, or for `grace` a quiet window, holds back is skipped at its bound, so there is none then.
    With `catch_up = "all"` no slot replaces another.
    """
    if job.catch_up == "all" or job.only_if is not None:
        return
    can_wait = job.catch_up == "none" or job.not_between is not None
    written = {"gate_deadline": job.gate_deadline, "grace": None if can_wait else job.grace}
    bounds = {key: bound for key, bound in written.items() if bound is not None}
    longest = max(periods(job, now), default=None) if bounds else None
    if longest is None:
        return
    for key, bound in bounds.items():
        if bound > longest:
            yield (
                f"{key}: {duration(bound)} is never reached, because a newer slot comes at most {duration(longest)} "
                'after a slot, and replaces it if it still waits; write a shorter time, or set catch_up = "all"'
            )
