"""Jobs that have waited too long: their gate does not open, or they answer "not now" each time."""

from collections.abc import Mapping, Sequence

from scheduled.clock import minute
from scheduled.core.configured_jobs import Jobs
from scheduled.core.epochs import base_of, open_slots_of
from scheduled.core.holds import first_allowed
from scheduled.core.jobs import Job, job_of
from scheduled.core.keys import JobKey
from scheduled.core.runs import JobState, OpenReason, StartRequest
from scheduled.schedules.timetable import Timetable
from scheduled.schedules.zones import DAY, Instant
from scheduled.state.ledger import Ledger

# A slot has waited too long when this many later slots are due, within the following bounds; a start request after the
# lower one.
PERIODS = 3
AT_LEAST, AT_MOST = DAY, 30 * DAY
REASONS: Mapping[OpenReason, str] = {
    "gate": "its gate has not opened",
    "deferred": 'it has answered "not now"',
}


def problems(ledger: Ledger, jobs: Jobs, now: float) -> dict[str, str]:
    """Return a text for each enabled job of which the oldest open slot or start request has waited too long at *now*.

    *now* is in UTC seconds. The keys are those of `never_run.problems`. What counts is what a closed gate holds back, and
    slots of which the run deferred itself.
    """
    waiting = ledger.keys_waiting(REASONS)
    states = ledger.job_states(waiting)
    requests = _oldest(ledger.start_requests()) if "gate" in waiting.values() else {}
    found: dict[str, str] = {}
    for key, reason in waiting.items():
        job, state = job_of(jobs, key), states.get(key)
        if job is None or not job.enabled or state is None:
            continue
        requested = requests.get(key) if reason == "gate" else None
        since = min(
            filter(None, (_since(job, state, now), _since_request(job, requested, now))), default=None
        )
        if since is not None:
            found[f"skipped:{key}"] = _text(key, REASONS[reason], since, job.zone)
    return found


def _oldest(requests: Sequence[StartRequest]) -> dict[JobKey, float]:
    """Return when the oldest of the start requests of each job or target was made."""
    return {row.key: row.at for row in reversed(requests)}


def _since_request(job: Job, at: float | None, now: float) -> Instant | None:
    """Return since when a start request made *at* could have started *job* if it has waited too long; otherwise None."""
    since = None if at is None else first_allowed(job, int(at))
    return since if since is not None and now >= since + AT_LEAST else None


def _text(key: JobKey, reason: str, since: Instant, zone: str) -> str:
    at = minute(since, zone)
    return (
        f"{key.display_name}: does not get to run: {reason} since {at} (scheduled explain {key.display_name})"
    )


def _since(job: Job, state: JobState, now: float) -> Instant | None:
    """Return since when the oldest open slot of *job* could have run if it has waited too long; otherwise None."""
    times = open_slots_of(state)
    oldest = times.next_after(base_of(state))
    if oldest is None:
        return None
    since = first_allowed(job, oldest + job.delay)
    return since if now >= since + _patience(times, oldest) else None


def _patience(times: Timetable, slot: Instant) -> int:
    """Return how many seconds *slot* may wait."""
    later: Instant | None = slot
    for _ in range(PERIODS):
        later = None if later is None else times.next_after(later)
    return AT_LEAST if later is None else min(max(later - slot, AT_LEAST), AT_MOST)
