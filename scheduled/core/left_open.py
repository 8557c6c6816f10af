"""Why slots that a tick has seen stay open, although its plan neither starts them nor names a reason."""

from collections.abc import Sequence

from scheduled.core.epochs import base_of, open_slots_of, slots_of
from scheduled.core.job_plan import JobPlan
from scheduled.core.jobs import Job
from scheduled.core.runs import JobState, OpenReason
from scheduled.core.starts import Start
from scheduled.schedules.schedule import Schedule, longest_delay
from scheduled.schedules.zones import Instant


def has_seen(start: Start, planned: Instant) -> bool:
    """Return whether a tick has seen slots that *start* decides, or that wait for its end: they are not after *planned*."""
    slots = [span.first for span in (*start.coalesced, *(skip.span for skip in start.skips))]
    slots += [] if start.claim.slot is None else [start.claim.slot]
    return start.leads or (bool(slots) and min(slots) <= planned)


def of_later_slots(job: Job, job_state: JobState, found: JobPlan, planned: Instant) -> OpenReason | None:
    """Return the open reason of slots up to *planned* that are later than those of the plan *found*; None if there are none.

    A tick plans the runs that follow from its own only up to its begin. Another tick may have seen later slots since, or
    the clock was set back.
    """
    base = found.skips[-1].span.last if found.skips else base_of(job_state)
    newest = open_slots_of(job_state).last_until(planned - job.delay)
    if newest is None or newest <= base:
        return None
    return "queued" if job_state.busy else "due"


def has_slots_before(schedules: Sequence[Schedule], boundary: Instant, planned: Instant) -> bool:
    """Return whether *schedules*, in force since the instant *boundary*, have slots that were due at *planned*.

    The last tick planned at this instant, without these schedules: a command has put them in force since.
    """
    until = planned - longest_delay(schedules)
    return boundary < until and slots_of(schedules, boundary).count(boundary, until) > 0
