"""Which gates have to be evaluated before a tick plans: those of jobs that would start now, or expire."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain

import msgspec

from scheduled.config.files import Config
from scheduled.core import planner
from scheduled.core.holds import Holds, request_expired
from scheduled.core.jobs import Job
from scheduled.core.keys import JobKey
from scheduled.core.manual import ManualRequest
from scheduled.core.planner import Plan
from scheduled.core.runs import JobState
from scheduled.engine import planning
from scheduled.engine.planning import Gates
from scheduled.schedules.zones import Instant
from scheduled.state.ledger import Ledger


def check(
    ledger: Ledger,
    config: Config,
    now: Instant,
    environment: Callable[[], Mapping[str, str]],
    requests: Sequence[ManualRequest] = (),
) -> Gates:
    """Evaluate the gates of all jobs that would start now, including steps of chains, in their *environment*.

    Gates may take seconds: call this while no transaction is open.
    """
    gated = {name: job for name, job in config.jobs.items() if job.only_if is not None}
    if not gated:
        return Gates()
    from scheduled.engine import gates

    leading = {name: job for name, job in config.jobs.items() if not gated.keys().isdisjoint(_steps(job))}
    job_states, holds = planning.foreseen(ledger, config, now), planning.holds_now(ledger, now)
    found = planner.plan(gated | leading, job_states, now, holds=holds)
    starting = {start.claim.job for start in found.starts}
    starting |= _expiring(gated, job_states, found, now, holds)
    # A manual run ignores the gate of its own job. If that job is a chain, the gates of its steps apply.
    leaders = {*starting, *(request.job for request in requests)} & leading.keys()
    needed = gated.keys() & {*starting, *(name for leader in leaders for name in _steps(leading[leader]))}
    return Gates(
        closed=gates.closed(map(gated.__getitem__, needed), environment),
        unchecked=frozenset(gated.keys() - needed),
    )


def _expiring(
    gated: Mapping[str, Job], job_states: Mapping[JobKey, JobState], found: Plan, now: Instant, holds: Holds
) -> set[str]:
    """Return the jobs in their quiet hours of which a closed gate skips slots or start requests now."""
    quiet = {key.job for key, job in found.jobs.items() if job.waits == "quiet"}
    jobs = {name: gated[name] for name in quiet & gated.keys() if gated[name].gate_deadline is not None}
    closed = planner.plan(jobs, job_states, now, holds=msgspec.structs.replace(holds, closed=frozenset(jobs)))
    late = {key.job for key, job in closed.jobs.items() if any(skip.reason == "gate" for skip in job.skips)}
    requests = [row for row in holds.start_requests if row.job in jobs]
    return late | {row.job for row in requests if request_expired(jobs[row.job], row, now)}


def _steps(job: Job) -> Iterable[str]:
    return chain.from_iterable(job.action.steps)
