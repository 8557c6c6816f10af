"""How long a prediction assumes that the runs of a job take, where the next slot depends on it (`from = "end"`)."""

from collections.abc import Mapping

import msgspec

from scheduled.core.keys import JobKey
from scheduled.core.runs import JobState
from scheduled.schedules.schedule import counts_from_end
from scheduled.schedules.zones import Seconds
from scheduled.state.ledger import History

NEWEST = 20  # how many runs are looked at


def with_expected(ledger: History, job_states: Mapping[JobKey, JobState]) -> dict[JobKey, JobState]:
    """Return the states, with the time that a run takes for jobs with `from = "end"`."""
    return {
        key: msgspec.structs.replace(state, expected=_expected(ledger, key))
        if counts_from_end(state.schedules)
        else state
        for key, state in job_states.items()
    }


def _expected(ledger: History, key: JobKey) -> Seconds:
    """Return the median of the last runs, in whole seconds; 0 if there are none."""
    rows = (row for row in ledger.history(job=key.job, limit=NEWEST) if row.target == key.target)
    known = [row.duration_ms for row in rows if row.duration_ms is not None]
    if not known:
        return 0
    from statistics import median  # few jobs count from the end of a run

    return round(median(known) / 1000)
