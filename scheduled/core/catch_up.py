"""Which open slots are given up (too late, beyond `catch_up_limit`, or not caught up with "none"), and which one is due."""

from typing import NamedTuple

from scheduled.core import no_catch_up
from scheduled.core.epochs import span_between
from scheduled.core.holds import Holds, is_refused, last_too_late, unseen
from scheduled.core.jobs import Job
from scheduled.core.runs import JobState, Skip, Span
from scheduled.schedules.timetable import Timetable
from scheduled.schedules.zones import Instant


class Due(NamedTuple):
    """The *slot* that is due (None: no slot), and the older ones that are *given_up*.

    *in_order*: runs of older slots go first. *during* are spans of slots that came due while a run was under way, see
    `overlap`.
    """

    slot: Instant | None
    given_up: tuple[Skip, ...] = ()
    in_order: bool = False
    during: tuple[tuple[Instant, Instant], ...] = ()


def due_slots(
    job: Job,
    job_state: JobState,
    times: Timetable,
    base: Instant,
    until: Instant,
    now: Instant,
    holds: Holds,
) -> Due:
    """Return which of the open slots in (*base*, *until*] is due at *now*, and which ones are given up."""
    refused = is_refused(job, job_state.key, now, holds)
    given_up = () if job_state.busy else slots_given_up(job, times, base, until, now, holds, refused=refused)
    if job_state.occupied and not job_state.busy:
        from scheduled.core import overlap  # only for jobs with this key

        during = overlap.came_due(job, job_state, base, until, now, holds)
        if during:
            return overlap.due(job, times, base, until, given_up, during)
    newest, passed = times.last_until(until), given_up[-1].span.last if given_up else base
    slot = newest if newest is not None and newest > passed else None
    return Due(slot, given_up, in_order=job.catch_up == "all")


def slots_given_up(
    job: Job,
    times: Timetable,
    base: Instant,
    until: Instant,
    now: Instant,
    holds: Holds,
    *,
    refused: bool = False,
) -> tuple[Skip, ...]:
    """Return the slots that are too late, beyond `catch_up_limit`, or not caught up with `catch_up = "none"`.

    *refused*: the closed gate of the job skips all slots that are due.
    """
    if job.catch_up == "latest" and job.grace is None and job.name not in holds.closed:
        return ()  # the common case: no slot can be too late
    late, reason = last_too_late(job, now, closed=job.name in holds.closed, refused=refused)
    if job.catch_up == "none":
        once, closed = job.is_once_per_period, job.name in holds.closed
        gaps = _unseen_periods(job, times, now, holds) if once else unseen(job, now, holds)
        return no_catch_up.skips(times, base, until, gaps, (late, reason), closed=closed)
    span = None if late is None else span_between(times, base, min(until, late))
    found = [Skip(span, reason)] if span else []
    if job.catch_up == "all":
        beyond = _beyond_limit(times, span.last if span else base, until, job.catch_up_limit)
        found += [Skip(beyond, "catch_up_limit")] if beyond else []
    return tuple(found)


def _unseen_periods(job: Job, times: Timetable, now: Instant, holds: Holds) -> list[tuple[Instant, Instant]]:
    """Return the spans (after, until] of slots of a `once_per` job without a tick until the next slot; *now* is a tick."""
    spans = []
    for before, tick in (*holds.gaps, (holds.planned, now)):
        newest = times.last_until(tick - job.delay)
        if newest is not None and before - job.delay < newest - 1:
            spans.append((before - job.delay, newest - 1))
    return spans


def _beyond_limit(times: Timetable, base: Instant, until: Instant, limit: int) -> Span | None:
    if times.count(base, until) <= limit:
        return None
    oldest_kept = until + 1
    for _ in range(limit):
        oldest_kept = times.last_until(oldest_kept - 1) or base
    return span_between(times, base, oldest_kept - 1)
