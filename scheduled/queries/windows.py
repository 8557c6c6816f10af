"""Jobs that never run by themselves, because no tick comes in the hours in which they may start."""

from scheduled.core.holds import first_allowed
from scheduled.core.jobs import Job
from scheduled.core.keys import JobKey
from scheduled.queries import assumptions, describe
from scheduled.queries.next_run import next_run
from scheduled.queries.view import View
from scheduled.schedules.zones import Instant


def without_ticks(view: View, key: JobKey) -> str:
    """Return in words that no tick comes in the window of *key*, or outside of its quiet hours; "" if one comes.

    Ticks begin at the same times each day, so what the next window shows is true for all if no run is foreseen.
    """
    job = view.config.jobs[key.job]
    if view.config.unreadable or not _misses(view, job, view.now) or next_run(view, key) is not None:
        return ""
    return f"{_missed(job)}: ticks come {assumptions.ticks(view)}"


def _misses(view: View, job: Job, instant: Instant) -> bool:
    """Return whether the first tick after *instant*, at which *job* may start by then, is outside of the allowed hours."""
    if job.not_between is None or not (job.enabled and job.is_by_time):
        return False
    tick = view.ticks_from(view.now).at_or_after(first_allowed(job, instant)) + view.late
    return first_allowed(job, tick) != tick


def _missed(job: Job) -> str:
    if job.between is not None:
        return f"no tick comes in its window (`between`, {describe.window(job.between)})"
    hours = "" if job.not_between is None else f" ({describe.window(job.not_between)})"
    return f"no tick comes outside of its quiet hours{hours}"


def notes(view: View, keys: list[JobKey]) -> list[str]:
    """Return a note for each job of *keys*, also one for its targets, that never runs because no tick comes in its window."""
    found = {key.job: text for key in keys if key in view.job_states and (text := without_ticks(view, key))}
    return [f"{name} does not run by itself: {text}" for name, text in found.items()]
