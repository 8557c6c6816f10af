"""What a tick plans when chains end: their next runs, and the jobs that come after them."""

from collections.abc import Iterable, Mapping
from typing import Any

from scheduled.core.configured_jobs import Jobs
from scheduled.core.job_plan import until_next
from scheduled.core.jobs import keys_of
from scheduled.core.keys import JobKey
from scheduled.core.starts import runs_in_order
from scheduled.schedules.zones import Instant
from scheduled.state.ledger import Ledger


def follow(
    ledger: Ledger, jobs: Jobs, payloads: Iterable[Mapping[str, Any]], began: float
) -> tuple[set[JobKey], dict[JobKey, Instant]]:
    """Return what the tick that *began* then (UTC seconds) plans because of the ended runs of *payloads*.

    First the chains of which it may start another run, and the jobs that come after chains that began in this tick. Second
    the jobs that come after chains of earlier ticks, with the instant up to which their slots count: they do not wait
    for the next slot of the chain, which is due after it.
    """
    runs = {
        JobKey(str(payload["job"]), str(payload.get("target", ""))): str(payload.get("run_id", ""))
        for payload in payloads
    }
    runs = {key: run for key, run in runs.items() if key.job in jobs and jobs[key.job].action.steps}
    keys = {row.key for row in ledger.oldest_start_requests(runs)}
    keys |= {key for key in runs if runs_in_order(jobs[key.job])}
    behind: dict[JobKey, Instant] = {}
    for key, run_id in runs.items():
        names = jobs.coming_after.get(key.job, ())
        until = _until(ledger, jobs, key, run_id, began) if names else 0
        for other in (other for name in names for other in keys_of(jobs[name])):
            behind[other] = min(until, behind.get(other, until))
    keys |= {key for key, until in behind.items() if until >= int(began)}
    return keys, {key: until for key, until in behind.items() if until < int(began)}


def _until(ledger: Ledger, jobs: Jobs, key: JobKey, run_id: str, began: float) -> Instant:
    """Return up to which instant slots follow the run *run_id* of the chain *key*, which has ended."""
    run, job_state = ledger.run(run_id), ledger.job_states([key]).get(key)
    of_this_tick = run is not None and run.started_at is not None and run.started_at >= began
    if of_this_tick or job_state is None:
        return int(began)
    return until_next(jobs[key.job], job_state, int(began))
