"""The ids of runs. A run keeps its id through all its attempts, so that it serves as idempotency key."""

from time import gmtime, strftime

from scheduled.core.keys import JobKey
from scheduled.schedules.zones import Instant


def slot_run_id(key: JobKey, slot: Instant) -> str:
    """Return the run id of a slot of a job, or of one target of it: `JOB-STAMP` or `JOB@TARGET-STAMP`.

    It is the same for every attempt, so that it serves as idempotency key.
    """
    return f"{key.in_ids}-{_stamp(slot)}"


def triggered_run_id(key: JobKey, event: str, trigger_id: int, at: float) -> str:
    """Return the id of a run that a trigger of the instant *at* starts: an event, or its turn in a chain.

    *event* is `chain` then. The number alone would come again after the ledger was lost, or an older one restored.
    """
    return f"{key.in_ids}-{_stamp(at)}-{event}-{trigger_id}"


def _stamp(instant: float) -> str:
    return strftime("%Y%m%dT%H%M%SZ", gmtime(instant))


def further_run_id(run_id: str, tick: str) -> str:
    """Return another id where *run_id* is taken: after the clock went back, instants come twice."""
    return f"{run_id}-{tick.rpartition('-')[2]}"


def trial_run_id(job: str) -> str:
    """Return the id that a job sees that is run by `scheduled try`; nothing is recorded under it."""
    return f"{job}-try"
