"""The ids of runs. All attempts of a run have the same id, so that it can serve as an idempotency key."""

from time import gmtime, strftime

from scheduled.core.keys import JobKey, shortened
from scheduled.schedules.zones import Instant

# In the ledger's meta, UTC seconds: a ledger that was lost may have used the ids of runs for slots up to here.
LOST_UNTIL = "lost_until"
# Bytes of an id before `further_run_id`. A file name has 255 at most: 5 for that suffix, and for example
# `.1234567890.report.damaged`.
LONGEST = 224


def slot_run_id(key: JobKey, slot: Instant) -> str:
    """Return the id of the run for a slot of a job or target: `JOB-STAMP` or `JOB@TARGET-STAMP`."""
    return f"{key.in_ids}-{_stamp(slot)}"


def requested_run_id(key: JobKey, event: str, request_id: int, at: float) -> str:
    """Return the id of the run that a start request, made at the instant *at*, starts.

    *event* is the name of the event, `after`, or `chain` for a step of a chain; a digest replaces its end if the id would be too long for file names. The id contains the instant
    because the number *request_id* alone repeats after the ledger was lost or an older one was restored.
    """
    before, after = f"{key.in_ids}-{_stamp(at)}-", f"-{request_id}"
    return before + shortened(event, LONGEST - len(before.encode()) - len(after)) + after


def manual_run_id(key: JobKey, tick: str) -> str:
    """Return the id of the run that a person requests, and that *tick* claims."""
    return f"{key.in_ids}-manual-{tick}"


def _stamp(instant: float) -> str:
    return strftime("%Y%m%dT%H%M%SZ", gmtime(instant))


def further_run_id(run_id: str, tick: str) -> str:
    """Return another id if *run_id* exists already, because slots repeat after the clock was set back."""
    return f"{run_id}-{tick.rpartition('-')[2]}"


def trial_run_id(key: JobKey) -> str:
    """Return the run id for a job or target that is run by `scheduled try`; nothing is recorded under it."""
    return f"{key.in_ids}-try"
