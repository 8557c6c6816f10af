"""The ids of runs. All attempts of a run have the same id, so that it can serve as an idempotency key."""

from time import gmtime, strftime

from scheduled.core.keys import JobKey
from scheduled.schedules.zones import Instant

# In the ledger's meta, UTC seconds: a ledger that was lost may have used the ids of runs for slots up to here.
LOST_UNTIL = "lost_until"


def slot_run_id(key: JobKey, slot: Instant) -> str:
    """Return the id of the run for a slot of a job or target: `JOB-STAMP` or `JOB@TARGET-STAMP`."""
    return f"{key.in_ids}-{_stamp(slot)}"


def requested_run_id(key: JobKey, event: str, request_id: int, at: float) -> str:
    """Return the id of the run that a start request, made at the instant *at*, starts.

    *event* is the name of the event, `after`, or `chain` for a step of a chain. The id contains the instant
    because the number *request_id* alone repeats after the ledger was lost or an older one was restored.
    """
    return f"{key.in_ids}-{_stamp(at)}-{event}-{request_id}"


def _stamp(instant: float) -> str:
    return strftime("%Y%m%dT%H%M%SZ", gmtime(instant))


def further_run_id(run_id: str, tick: str) -> str:
    """Return another id if *run_id* exists already, because slots repeat after the clock was set back."""
    return f"{run_id}-{tick.rpartition('-')[2]}"


def trial_run_id(job: str) -> str:
    """Return the run id for a job that is run by `scheduled try`; nothing is recorded under it."""
    return f"{job}-try"
