"""Manual runs: a job now, a job for a given slot, or another attempt of a waiting run."""

from collections.abc import Iterable, Mapping

import msgspec

from scheduled.core.epochs import base_of, open_slots_of, span_between
from scheduled.core.jobs import Job, keys_of
from scheduled.core.keys import JobKey, Keyed
from scheduled.core.no_catch_up import SUPERSEDED
from scheduled.core.run_ids import manual_run_id, slot_run_id
from scheduled.core.runs import JobState, OpenRun, Skip
from scheduled.core.starts import Start, again, manual_start
from scheduled.errors import ConfigError
from scheduled.schedules.zones import Instant


class ManualRequest(Keyed, frozen=True):
    """A request to run *job*, or one *target* of it, now.

    It may be for the instant *slot*, or for the next attempt of the waiting run *run_id*.
    """

    job: str
    slot: Instant | None = None
    run_id: str | None = None
    target: str = ""


def each_target(requests: Iterable[ManualRequest], jobs: Mapping[str, Job]) -> list[ManualRequest]:
    """Return *requests* without repetitions; one for a job with `for_each` is replaced by one for each of its targets."""
    found = (
        msgspec.structs.replace(request, target=key.target)
        for request in requests
        for key in ([request.key] if request.target or request.run_id else keys_of(jobs[request.job]))
    )
    return list(dict.fromkeys(found))


def start_for(
    request: ManualRequest,
    job: Job,
    job_state: JobState | None,
    waiting: OpenRun | None,
    tick: str,
    now: Instant,
) -> Start:
    """Return the start for a request.

    *waiting* is the run that the request names, if it waits for a retry. *job_state* is None for a disabled
    job, which can still run manually. An open slot is claimed, and older open slots are coalesced into it (with
    `catch_up = "none"` they are skipped), as in a tick. A run for any other instant takes no slot and has the instant in its payload. Raise
    OlderFirstError (a ConfigError) if an older slot has to run first.
    """
    if waiting is not None:
        return again(waiting)
    if request.slot is not None and job_state is not None:
        start = _open_slot(job, job_state, request.slot, now)
        if start is not None:
            return start
    window_start = job_state.window_start if job_state else None
    start = manual_start(request.key, window_start, manual_run_id(request.key, tick))
    if request.slot is None:
        return start
    claim = msgspec.structs.replace(start.claim, payload={"scheduled_for": request.slot})
    return msgspec.structs.replace(start, claim=claim)


def _open_slot(job: Job, job_state: JobState, slot: Instant, now: Instant) -> Start | None:
    run = job_state.open_run
    if run is not None and run.slot == slot:
        return again(run)
    times, base = open_slots_of(job_state), base_of(job_state)
    if not base < slot <= now or times.last_until(slot) != slot:
        return None
    older = span_between(times, base, slot - 1)
    if job.catch_up == "all" and (older is not None or run is not None):
        first = run.slot if run is not None and run.slot is not None else older.first if older else slot
        raise OlderFirstError(job_state.key, first)
    start = manual_start(job_state.key, job_state.window_start, slot_run_id(job_state.key, slot))
    if job.catch_up == "none":
        claim = msgspec.structs.replace(start.claim, slot=slot, slots=1)
        skips = (Skip(older, SUPERSEDED),) if older else ()
        return Start(claim=claim, superseded=run, coalesces=False, skips=skips)
    slots = 1 + (older.count if older else 0) + (run.slots if run else 0)
    claim = msgspec.structs.replace(start.claim, slot=slot, slots=slots)
    return msgspec.structs.replace(start, claim=claim, coalesced=(older,) if older else (), superseded=run)


class OlderFirstError(ConfigError):
    """With `catch_up = "all"` slots run in order, and an older slot, *first*, is still open."""

    def __init__(self, key: JobKey, first: Instant) -> None:
        super().__init__(
            f'{key.display_name}: catch_up = "all" runs slots in order, and an older slot is still open'
        )
        self.first = first
