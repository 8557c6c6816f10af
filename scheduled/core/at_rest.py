"""Whether nothing of a job is due or waits: the usual case, in which a plan has nothing but the next slot."""

from scheduled.core.epochs import base_of, open_slots_of
from scheduled.core.request_queue import RequestQueue
from scheduled.core.runs import JobState
from scheduled.schedules.zones import Instant


def is_at_rest(job_state: JobState, now: Instant, requests: RequestQueue) -> bool:
    """Return whether `plan_job` at *now* starts nothing, skips nothing and gives no open reason: no need to call it.

    A list of all jobs asks this instead, because a plan takes ten times as long. A slot in its jitter counts as due.
    """
    runs = job_state.open_run is not None or job_state.others or job_state.busy or job_state.occupied
    if runs or job_state.key in requests:
        return False
    newest = open_slots_of(job_state).last_until(now)
    return newest is None or newest <= base_of(job_state)
