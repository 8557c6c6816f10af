"""The instant of the last planning, and the gaps between ticks: with `catch_up = "none"` slots in a gap are missed."""

import msgspec

from scheduled.core.configured_jobs import Jobs
from scheduled.core.epochs import base_of
from scheduled.core.holds import Gap, on_time
from scheduled.core.jobs import DEFAULT_CADENCE
from scheduled.core.runs import JobState
from scheduled.schedules.zones import Instant, Seconds
from scheduled.state.ledger import Ledger, Meta

PLANNED, GAPS = "planned", "gaps"


def last_planned(ledger: Meta, now: Instant) -> Instant:
    """Return the instant of the last planning, 0 if there was none. A wrong clock may have been ahead of *now*."""
    return min(int(ledger.meta(PLANNED) or 0), now)


def recorded(ledger: Meta) -> tuple[Gap, ...]:
    """Return the gaps with slots that have no verdict yet, oldest first."""
    return msgspec.json.decode(ledger.meta(GAPS) or "[]", type=tuple[Gap, ...])


def tolerated(ledger: Meta) -> Seconds:
    """Return the time within which a tick must see a slot."""
    return on_time(int(ledger.meta("cadence") or DEFAULT_CADENCE))


def remember_tick(ledger: Ledger, jobs: Jobs, now: Instant, clock: Instant = 0) -> None:
    """Record that a tick planned all jobs at *now*, and the gap before it as long as slots in it have no verdict.

    A tick that began later may have planned first: its instant stays, unless it is after *clock*, the current instant. Then
    the clock was set back.
    """
    latest = int(ledger.meta(PLANNED) or 0)
    before, gaps = last_planned(ledger, now), recorded(ledger)
    past = tuple(
        gap for gap in gaps if gap[1] <= max(now, clock)
    )  # others are from before the clock was set back
    known = past if now - before <= tolerated(ledger) else (*past, (before, now))
    kept = _with_open_slots(ledger, jobs, known) if known else ()
    if kept != gaps:
        ledger.remember(GAPS, msgspec.json.encode(kept).decode())
    # Slots after this instant belong to later ticks.
    ledger.remember(PLANNED, str(max(now, latest) if latest <= clock else now))


def _with_open_slots(ledger: Ledger, jobs: Jobs, gaps: tuple[Gap, ...]) -> tuple[Gap, ...]:
    """Return the gaps that a job waits to account for: its missed slots get their verdict after its open run.

    With `overlap`, a slot that came due during a run and in a gap was missed.
    """
    waiting = [base_of(job_state) for job_state in ledger.job_states().values() if _waits(jobs, job_state)]
    return tuple(gap for gap in gaps if waiting and min(waiting) < gap[1])


def _waits(jobs: Jobs, job_state: JobState) -> bool:
    job = jobs.get(job_state.job)  # None: its configuration file can't be read now
    if job is None or job.overlap in ("queue", "skip"):
        return True
    return job.catch_up == "none" and (job_state.busy or job_state.open_run is not None)
